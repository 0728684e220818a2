/**
 * The request that is being written. Pure.
 *
 * @typedef {import("renderq").Model} Model
 * @typedef {import("renderq").Job} Job
 * @typedef {import("renderq").Style} Style
 * @typedef {{ width?: number, height?: number, steps?: number, guidance_scale?: number, guidance_rescale?: number,
 *   clip_skip?: number, scheduler?: string, schedule?: string, loras?: import("./loras.js").Lora[] }} Settings what differs from the model's defaults
 * @typedef {{ format?: string, quality?: number, grid?: boolean, embed_recipe?: boolean, resize?: 1 | 2 | 4,
 *   watermark?: string }} Output
 * @typedef {import("./draft-input.js").Task} Task
 * @typedef {import("./draft-input.js").Input} Input
 * @typedef {{ prompt: string, negativePrompt: string, n: number, seed: number | null, model: string | null,
 *   style: string | null, settings: Record<string, Settings>, output: Output, priority: number, deadline: number | null,
 *   input: Input | null }} Draft
 */

import { inputFields, inputOf, pick } from "./draft-input.js";
import { lorasOf } from "./loras.js";
import { applyStyle, recognizeStyle } from "./styles.js";

/** Defaults of `output` in the API. */
const OUTPUT = { format: "png", quality: 90, grid: false, embed_recipe: true, resize: 1, watermark: null };

const SIDES = ["width", "height"];
const SAMPLING = ["steps", "guidance_scale", "guidance_rescale", "clip_skip", "scheduler", "schedule"];
/** Settings of every task. */
const SHARED = ["loras", ...SAMPLING];

/** @returns {Draft} */
export const emptyDraft = () => ({
  prompt: "",
  negativePrompt: "",
  n: 1,
  seed: null,
  model: null,
  style: null,
  settings: {},
  output: {},
  priority: 0,
  deadline: null,
  input: null,
});

/**
 * Return a stored draft with what a newer page has added.
 *
 * @param {unknown} stored
 * @returns {Draft}
 */
export const restoreDraft = (stored) => ({ ...emptyDraft(), .../** @type {object} */ (stored ?? {}) });

/**
 * Return the draft's model, or the service's default one.
 *
 * @param {Draft} draft
 * @param {readonly Model[]} models
 */
export const modelOf = (draft, models) =>
  models.find(({ name }) => name === draft.model) ?? models.find((model) => model.default) ?? models[0];

/**
 * Return what the draft says for a model.
 *
 * @param {Draft} draft
 * @param {Model} model
 * @returns {Settings}
 */
export const settingsOf = (draft, model) => draft.settings[model.name] ?? {};

/**
 * Return the draft with another setting; a default is dropped.
 *
 * @param {Draft} draft
 * @param {Model} model
 * @param {Settings} change
 * @returns {Draft}
 */
export function withSettings(draft, model, change) {
  /** @type {Record<string, unknown>} */
  const settings = { ...settingsOf(draft, model), ...change };
  /** @type {Record<string, unknown>} */
  const defaults = { ...model.defaults };
  if (defaults.schedule) delete defaults.scheduler; // who names it asks for its own schedule
  if (settings.scheduler) delete defaults.schedule;
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === defaults[name]) delete settings[name];
  }
  return { ...draft, settings: { ...draft.settings, [model.name]: settings } };
}

/**
 * Return the request body: only what differs from the defaults.
 *
 * @param {Draft} draft
 * @param {Model} model
 * @param {readonly Style[]} [styles]
 * @returns {Record<string, unknown>}
 */
export function toRequest(draft, model, styles = []) {
  const { input, output } = draft;
  const style = styles.find(({ name }) => name === draft.style);
  const { prompt, negativePrompt } = applyStyle(style, draft.prompt.trim(), draft.negativePrompt.trim());
  const { quality: _, ...lossless } = output;
  const used = (output.format ?? OUTPUT.format) === "png" ? lossless : output;
  const changed = withoutDefaults(used);
  return {
    ...(input ? { task: input.task } : {}),
    ...(model.default ? {} : { model: model.name }),
    prompt,
    ...(negativePrompt && model.supports_negative_prompt ? { negative_prompt: negativePrompt } : {}),
    ...(input ? inputFields(input) : pick(settingsOf(draft, model), SIDES)),
    ...pick(settingsOf(draft, model), SHARED),
    ...(draft.n === 1 ? {} : { n: draft.n }),
    ...(draft.seed === null ? {} : { seed: draft.seed }),
    ...(Object.keys(changed).length ? { output: changed } : {}),
    ...(draft.priority ? { priority: draft.priority } : {}),
    ...(draft.deadline ? { deadline_seconds: draft.deadline } : {}),
  };
}

/**
 * Return the draft that gives a job's request again. Without `seed`, the seed stays free.
 *
 * @param {Pick<Job, "request" | "task" | "model">} job
 * @param {Model} model the job's
 * @param {{ seed?: number | null, n?: number, styles?: readonly Style[] }} [options]
 * @returns {Draft}
 */
export function draftOf({ request, task, model: name }, model, { seed = null, n, styles = [] } = {}) {
  const fields = /** @type {Record<string, any>} */ (request);
  const draft = {
    ...emptyDraft(),
    ...recognizeStyle(styles, fields.prompt, fields.negative_prompt ?? ""),
    n: n ?? fields.n,
    seed,
    model: model.default ? null : name,
    output: withoutDefaults(fields.output ?? {}),
    priority: fields.priority ?? 0,
    deadline: fields.deadline_seconds ?? null,
    input: inputOf(task, fields),
  };
  const sampling = pick(fields, task === "txt2img" ? [...SIDES, ...SAMPLING] : SAMPLING);
  return withSettings(draft, model, { ...sampling, loras: lorasOf(fields.loras) });
}

/**
 * Return a job's request with a new random seed.
 *
 * @param {Record<string, unknown>} request
 */
export function withoutSeed(request) {
  const { seed: _, ...others } = request;
  return others;
}

/**
 * Return the names of what differs between two drafts.
 *
 * @param {Draft} before
 * @param {Draft} after
 * @param {Model} model
 * @returns {Set<string>} fields of the request, and `style`
 */
export function changedFields(before, after, model) {
  /** @type {Record<string, unknown>[]} */
  const [a, b] = [before, after].map((draft) => ({ style: draft.style, ...toRequest(draft, model) }));
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return new Set([...names].filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name])));
}

/**
 * @param {Output} output
 * @returns {Output}
 */
function withoutDefaults(output) {
  const entries = Object.entries(output).filter(([name, value]) => value !== OUTPUT[/** @type {"format"} */ (name)]);
  return Object.fromEntries(entries);
}
