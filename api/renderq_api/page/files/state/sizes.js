/**
 * Sizes that a model offers: a shape and an amount of pixels, within its limits. Pure.
 *
 * @typedef {import("renderq").Model} Model
 * @typedef {"square" | "landscape" | "portrait" | "wide" | "tall"} Shape
 * @typedef {"s" | "m" | "l"} Amount
 */

/** @type {Record<Shape, number>} width / height */
export const SHAPES = { square: 1, landscape: 3 / 2, portrait: 2 / 3, wide: 16 / 9, tall: 9 / 16 };

/** @type {Record<Amount, number>} sides as multiples of the model's own */
const AMOUNTS = { s: 2 / 3, m: 1, l: 1.5 };

/**
 * Return width and height of a shape: multiples of the model's `size_multiple`, within its limits.
 *
 * @param {Model} model
 * @param {Shape} shape
 * @param {Amount} amount
 * @returns {[number, number]}
 */
export function sidesFor({ defaults, limits }, shape, amount) {
  const ratio = SHAPES[shape];
  const area = Math.min(defaults.width * defaults.height * AMOUNTS[amount] ** 2, limits.max_pixels);
  const width = Math.sqrt(area * ratio);
  const shrink = Math.min(1, limits.max_side / Math.max(width, width / ratio));
  return fit(width * shrink, (width / ratio) * shrink, limits);
}

/**
 * @param {number} width
 * @param {number} height
 * @param {Model["limits"]} limits
 * @returns {[number, number]}
 */
function fit(width, height, { size_multiple: multiple, max_pixels, max_side }) {
  const most = Math.max(multiple, max_side - (max_side % multiple));
  const round = (/** @type {number} */ side) => Math.min(most, Math.max(multiple, Math.round(side / multiple) * multiple));
  let [w, h] = [round(width), round(height)];
  while (w * h > max_pixels && Math.max(w, h) > multiple) {
    if (w >= h) w -= multiple;
    else h -= multiple;
  }
  return [w, h];
}

/**
 * Return the shape and the amount that give these sides; null where none does.
 *
 * @param {Model} model
 * @param {number} width
 * @param {number} height
 * @returns {{ shape: Shape | null, amount: Amount | null }}
 */
export function describeSides(model, width, height) {
  for (const amount of /** @type {Amount[]} */ (["m", "s", "l"])) {
    for (const shape of /** @type {Shape[]} */ (Object.keys(SHAPES))) {
      const [w, h] = sidesFor(model, shape, amount);
      if (w === width && h === height) return { shape, amount };
    }
  }
  return { shape: null, amount: null };
}

/**
 * Return the amounts that differ from each other for a shape.
 *
 * @param {Model} model
 * @param {Shape} shape
 * @returns {Amount[]}
 */
export function amountsFor(model, shape) {
  const key = (/** @type {Amount} */ amount) => sidesFor(model, shape, amount).join("×");
  return /** @type {Amount[]} */ (Object.keys(AMOUNTS)).filter((amount) => amount === "m" || key(amount) !== key("m"));
}
