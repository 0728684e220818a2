/**
 * Sweeps: the combinations of values of one or two fields. Pure.
 *
 * @typedef {import("renderq").Job} Job
 * @typedef {import("renderq").Model} Model
 * @typedef {import("renderq").Axis} Axis
 * @typedef {{ field: string, word: string, text: string }} AxisDraft what is written: the field, the word of the prompt
 *   that is replaced if the field is `prompt`, and the values, separated by commas
 * @typedef {{ field: string, value: string }} Head
 * @typedef {{ columns: Head[], rows: { heads: Head[], cells: (string | undefined)[] }[] }} Table headings, and ids of jobs
 */

export const MAX_AXES = 2;

/** Jobs of one batch. */
const MAX_PICTURES = 1_000;

const NUMBERS = new Set(["steps", "guidance_scale", "seed", "strength"]);

/** @param {string} [field] @returns {AxisDraft} */
export const emptyAxis = (field = "steps") => ({ field, word: "", text: "" });

/**
 * Return the fields that an axis may have.
 *
 * @param {Record<string, unknown>} request
 * @param {readonly Model[]} models
 */
export function sweepFields(request, models) {
  const hasStrength = ["img2img", "inpaint", "depth2img"].includes(String(request.task));
  return [
    "prompt",
    "steps",
    "guidance_scale",
    "scheduler",
    "schedule",
    "seed",
    ...(hasStrength ? ["strength"] : []),
    ...(models.length > 1 ? ["model"] : []),
  ];
}

/**
 * @param {AxisDraft} draft
 * @returns {Axis}
 */
export function toAxis({ field, word, text }) {
  const values = text.split(",").map((part) => part.trim());
  return {
    field: field === "prompt" ? `prompt:${word.trim()}` : field,
    values: values.filter(Boolean).map((value) => (NUMBERS.has(field) && !Number.isNaN(Number(value)) ? Number(value) : value)),
  };
}

/**
 * Return the body of a batch: one picture for each combination.
 *
 * @param {Record<string, unknown>} request
 * @param {readonly AxisDraft[]} drafts
 */
export function toSweep(request, drafts) {
  const { n: _, ...fields } = request;
  return { request: fields, axes: drafts.map(toAxis) };
}

/** @param {readonly Axis[]} axes */
export const countPictures = (axes) => axes.reduce((product, { values }) => product * values.length, 1);

/**
 * Return about how many seconds a worker needs for all pictures; null if the speed of a model is unknown, or if they are
 * too many for one batch. Time grows with steps and pixels.
 *
 * @param {Record<string, unknown>} request
 * @param {readonly Axis[]} axes
 * @param {readonly Model[]} models
 */
export function sweepSeconds(request, axes, models) {
  if (countPictures(axes) > MAX_PICTURES) return null;
  let seconds = 0;
  for (const values of combinations(axes)) {
    const { model: name, steps, width, height } = /** @type {Record<string, any>} */ ({ ...request, ...values });
    const model = models.find((one) => (name ? one.name === name : one.default));
    if (!model?.seconds_per_image) return null;
    const { defaults } = model;
    const pixels = ((width ?? defaults.width) * (height ?? defaults.height)) / (defaults.width * defaults.height);
    seconds += model.seconds_per_image * pixels * ((steps ?? defaults.steps) / defaults.steps || 1);
  }
  return seconds;
}

/**
 * @param {readonly Axis[]} axes
 * @returns {Record<string, unknown>[]}
 */
function combinations([axis, ...others]) {
  if (!axis) return [{}];
  return axis.values.flatMap((value) => combinations(others).map((rest) => ({ [axis.field]: value, ...rest })));
}

/**
 * Return the id of the sweep that a job belongs to; null if it belongs to none.
 *
 * @param {Pick<Job, "batch">} job
 */
export const sweepOf = ({ batch }) => (batch && Object.keys(batch.values ?? {}).length ? batch.id : null);

/**
 * Return the table of a sweep: a column for each value of its last axis, a row for each combination of the others.
 *
 * @param {readonly Pick<Job, "id" | "batch">[]} jobs in their order
 * @returns {Table}
 */
export function toTable(jobs) {
  const places = jobs.map(({ id, batch }) => {
    const heads = Object.entries(batch?.values ?? {}).map(([field, value]) => ({ field, value: String(value) }));
    return { id, column: JSON.stringify(heads.pop()), row: JSON.stringify(heads) };
  });
  const columns = [...new Set(places.map(({ column }) => column))];
  const rows = [...new Set(places.map(({ row }) => row))];
  const cellAt = (/** @type {string} */ row, /** @type {string} */ column) =>
    places.find((one) => one.row === row && one.column === column)?.id;
  return {
    columns: columns.map((column) => JSON.parse(column)),
    rows: rows.map((row) => ({ heads: JSON.parse(row), cells: columns.map((column) => cellAt(row, column)) })),
  };
}
