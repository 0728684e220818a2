/**
 * What a visitor of an open demo may ask for. Pure.
 *
 * @typedef {import("renderq").Model} Model
 * @typedef {import("renderq").VisitorLimits} VisitorLimits
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./draft.js").Settings} Settings
 */

/** Settings that a visitor can only lower. */
const BOUNDED = ["width", "height", "steps"];

/**
 * Return a model as a visitor may use it: with its default sides and steps at most, and without input pictures.
 *
 * @param {Model} model
 * @returns {Model}
 */
export function modelForVisitors(model) {
  const { defaults, limits } = model;
  return {
    ...model,
    tasks: ["txt2img"],
    limits: { ...limits, max_side: Math.min(defaults.width, defaults.height), max_steps: defaults.steps },
  };
}

/**
 * Return a draft, perhaps written with a key of the operator, without what a visitor may not ask for.
 *
 * @param {Draft} draft
 * @param {readonly Model[]} models
 * @param {VisitorLimits} limits
 * @returns {Draft}
 */
export function draftForVisitors(draft, models, limits) {
  const { resize: _, ...output } = draft.output;
  const settings = Object.fromEntries(
    models.map((model) => [model.name, withinDefaults(draft.settings[model.name] ?? {}, model)]),
  );
  return { ...draft, n: Math.min(draft.n, limits.images), settings, output, priority: 0, input: null };
}

/**
 * @param {Settings} settings
 * @param {Model} model
 */
function withinDefaults(settings, { defaults }) {
  const allowed = Object.entries(settings).filter(
    ([name, value]) => !BOUNDED.includes(name) || Number(value) <= defaults[/** @type {"steps"} */ (name)],
  );
  return Object.fromEntries(allowed);
}
