/** The draft: saved on every change, restored after a reload. */
import { computed, effect, signal } from "@preact/signals";

import { changedFields, draftOf, emptyDraft, modelOf, restoreDraft, settingsOf, toRequest, withSettings } from "./draft.js";
import { jobNow, visibleIds } from "./job-store.js";
import { isVisitor, models, styles, visitorLimits } from "./service.js";
import { storedSignal } from "./storage.js";
import { recognizeStyle } from "./styles.js";
import { showToast } from "./toasts.js";
import { draftForVisitors, modelForVisitors } from "./visitor-limits.js";
import { t } from "../words/index.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./draft.js").Settings} Settings
 * @typedef {import("renderq").Job} Job
 */

export const draft = storedSignal("draft", emptyDraft(), restoreDraft);

export const model = computed(() => {
  const chosen = modelOf(draft.value, models.value ?? []);
  return chosen && isVisitor.value ? modelForVisitors(chosen) : chosen;
});

effect(() => {
  const [limits, known] = [visitorLimits.value, models.value];
  if (limits && known) draft.value = draftForVisitors(draft.peek(), known, limits);
});

export const settings = computed(() => (model.value ? settingsOf(draft.value, model.value) : {}));

/** The draft's request body. */
export const request = computed(() => (model.value ? toRequest(draft.value, model.value, styles.value) : {}));

/** Fields that have just been filled in: they flash once. */
export const flashed = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** @param {Partial<Draft>} change */
export function change(change) {
  draft.value = { ...draft.peek(), ...change };
}

/** @param {Partial<import("./draft-input.js").Input>} change */
export function changeInput(change) {
  const { input } = draft.peek();
  if (input) draft.value = { ...draft.peek(), input: { ...input, ...change } };
}

/** @param {Settings} change */
export function changeSettings(change) {
  const current = model.peek();
  if (current) draft.value = withSettings(draft.peek(), current, change);
}

/**
 * Fill the draft with a job's request; what was there is one "Undo" away.
 *
 * @param {Pick<Job, "request" | "task" | "model">} job
 * @param {{ seed?: number | null, n?: number }} [options]
 */
export function useSettings(job, options) {
  const itsModel = models.peek()?.find(({ name }) => name === job.model);
  if (!itsModel) {
    showToast({ text: t.errors.modelGone(job.model), kind: "bad" });
    return false;
  }
  const before = draft.peek();
  const after = draftOf(job, itsModel, { ...options, styles: styles.peek() });
  after.settings = { ...before.settings, ...after.settings };
  draft.value = after;
  flashed.value = changedFields(before, after, itsModel);
  setTimeout(() => (flashed.value = new Set()), 1200);
  showToast({ text: t.toast.settingsUsed, undo: () => (draft.value = before) });
  return true;
}

/** Plain words of earlier prompts, newest first, each once. */
function earlierPrompts() {
  const prompts = visibleIds.peek().map((id) => {
    const { prompt = "", negative_prompt = "" } = /** @type {Record<string, any>} */ (jobNow(id)?.request ?? {});
    return recognizeStyle(styles.peek(), prompt, negative_prompt).prompt;
  });
  return [...new Set(prompts.filter(Boolean))];
}

/**
 * Go to an earlier (1) or later (−1) prompt.
 *
 * @param {1 | -1} step
 */
export function recallPrompt(step) {
  const prompts = earlierPrompts();
  const at = prompts.indexOf(draft.peek().prompt.trim());
  const next = at + step;
  if (next < -1 || next >= prompts.length) return;
  change({ prompt: next < 0 ? "" : prompts[next] });
}
