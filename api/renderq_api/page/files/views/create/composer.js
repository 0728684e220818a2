/** The composer: prompt, number of pictures, and the one primary action. */
import { useEffect, useRef } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { Choice } from "../../parts/choice.js";
import { Field } from "../../parts/field.js";
import { moveInQueue } from "../../state/actions.js";
import { change, draft, model, recallPrompt } from "../../state/draft-store.js";
import { openJobs } from "../../state/job-store.js";
import { changePromptWeight } from "../../state/prompt-weight.js";
import { connection, isVisitor, models, visitorLimits } from "../../state/service.js";
import { isSweeping } from "../../state/sweep-table.js";
import { refusedFields, sending, submit } from "../../state/submission.js";
import { t } from "../../words/index.js";
import { AddPicture, InputPicture } from "./input-picture.js";
import { Refusal } from "./refusal.js";

const COUNTS = [1, 2, 4, 8];

/** @param {{ onSettings: () => void }} props */
export function Composer({ onSettings }) {
  const prompt = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) prompt.current?.focus();
  }, []);
  const isLost = connection.value === "lost";
  const isOff = isLost || !model.value;
  /** Whether to start next; null unless pictures were asked for before the models were known. */
  const asked = useRef(/** @type {boolean | null} */ (null));
  const generate = async (isNext = false) => {
    asked.current = models.value ? null : isNext;
    if (isOff) return;
    if (!draft.peek().prompt.trim() && needsPrompt()) return prompt.current?.focus();
    const job = await submit();
    if (job?.status === "queued" && isNext) await moveInQueue(job.id, { to: "front" });
  };
  useEffect(() => {
    if (!isOff && asked.current !== null) void generate(asked.current);
  }, [isOff]);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void generate(event.shiftKey);
    } else recall(event);
  };
  const onInput = (/** @type {Event} */ event) =>
    change({ prompt: /** @type {HTMLTextAreaElement} */ (event.currentTarget).value });
  const offered = COUNTS.filter((n) => n <= (visitorLimits.value?.images ?? Infinity));
  const counts = offered.includes(draft.value.n) ? offered : [...offered.slice(0, 3), draft.value.n];
  return html`<div class="dock"><form class="composer" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <${Field} name="prompt">
      <textarea
        ref=${prompt}
        id="prompt"
        rows="1"
        maxlength="8000"
        aria-label=${t.composer.label}
        placeholder=${t.composer.placeholder}
        aria-invalid=${refusedFields.value.prompt ? "true" : undefined}
        value=${draft.value.prompt}
        onInput=${onInput}
        onKeyDown=${onKeyDown}
      ></textarea>
    <//>
    <${InputPicture} />
    <div class="composer-bar">
      <${Choice}
        label=${t.composer.count}
        value=${draft.value.n}
        options=${counts.map((n) => ({ value: n, text: String(n) }))}
        onChange=${(/** @type {number} */ n) => change({ n })}
      />
      <${AddPicture} />
      ${!isVisitor.value && html`<${Button} kind="quiet" icon="sweep" class="button quiet square sweep-button" label=${t.sweep.open} onClick=${() => (isSweeping.value = true)} />`}
      <${Button} kind="quiet" icon="settings" label=${t.composer.settings} class="button quiet square sheet-button" onClick=${onSettings} />
      <span class="composer-space"></span>
      ${isLost ? html`<span class="bar-note">${t.composer.offline}</span>` : html`<kbd class="key-hint">${shortcutText}</kbd>`}
      <${Button} kind="primary" class="button primary generate" disabled=${isOff} onClick=${() => generate()}>
        ${openJobs.value.length || sending.value ? t.composer.queue : t.composer.generate}
      <//>
    </div>
    <${Refusal} />
    ${models.value?.length === 0 && html`<p class="notice"><${Icon} name="info" /> ${t.composer.noModel}</p>`}
  </form></div>`;
}

const shortcutText = navigator.platform.startsWith("Mac") ? "⌘ ⏎" : "Ctrl ⏎";

/** Some tasks need no prompt. */
const needsPrompt = () => !["variation", "upscale"].includes(draft.peek().input?.task ?? "");

/** @param {KeyboardEvent} event */
function recall(event) {
  const field = /** @type {HTMLTextAreaElement} */ (event.currentTarget);
  const step = { ArrowUp: /** @type {const} */ (1), ArrowDown: /** @type {const} */ (-1) }[event.key];
  if (!step) return;
  if ((event.ctrlKey || event.metaKey) && field.selectionStart !== field.selectionEnd) {
    event.preventDefault();
    const { prompt, start, end } = changePromptWeight(field.value, field.selectionStart, field.selectionEnd, step);
    change({ prompt });
    requestAnimationFrame(() => field.setSelectionRange(start, end));
  } else if (event.altKey || (step === 1 && !field.value)) {
    event.preventDefault();
    recallPrompt(step);
  }
}
