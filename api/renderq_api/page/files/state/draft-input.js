/**
 * The pictures that a request starts from, as a part of its draft. Pure.
 *
 * @typedef {"txt2img" | "img2img" | "inpaint" | "outpaint" | "variation" | "depth2img" | "upscale" | "edit"} Task
 * @typedef {{ left: number, right: number, top: number, bottom: number }} Extend
 * @typedef {{ task: Task, image: string, others?: string[], mask?: string, depth_map?: string, extend?: Extend,
 *   width?: number, height?: number, strength?: number, noise_level?: number }} Input `others`: further pictures of an
 *   edit
 */

/** Fields of such a request. Its sides are the picture's, not the settings'. */
const FIELDS = ["image", "mask", "depth_map", "extend", "strength", "noise_level", "width", "height"];

/**
 * Return the fields of a request.
 *
 * @param {Input} input
 */
export function inputFields(input) {
  const { image, ...fields } = pick(input, FIELDS);
  return input.task === "edit" ? { images: [image, ...(input.others ?? [])], ...fields } : { image, ...fields };
}

/**
 * Return the input of a job's request; null for one from text alone.
 *
 * @param {string} task
 * @param {Record<string, any>} request
 */
export function inputOf(task, { images, ...request }) {
  if (task === "txt2img") return null;
  const pictures = images ? { image: images[0], others: images.slice(1) } : {};
  return /** @type {Input} */ ({ task, ...pick(request, FIELDS), ...pictures });
}

/**
 * @template {object} T
 * @param {T} source
 * @param {readonly string[]} names
 */
export function pick(source, names) {
  const entries = Object.entries(source).filter(
    ([name, value]) => names.includes(name) && value !== undefined && value !== null,
  );
  return Object.fromEntries(entries);
}
