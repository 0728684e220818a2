/**
 * Extension of a picture at its edges. Pure.
 *
 * @typedef {import("./draft-input.js").Extend} Extend pixels at each edge
 * @typedef {keyof Extend} Edge
 * @typedef {{ width: number, height: number }} Sides
 * @typedef {Sides & { left: number, top: number }} View sides of what is shown, and the picture's place in it
 */

export const EDGES = /** @type {const} */ (["left", "right", "top", "bottom"]);

/** @type {Extend} */
export const NO_EXTENSION = { left: 0, right: 0, top: 0, bottom: 0 };

/** Room around the extended picture to pull an edge into, as a share of the picture's longer side. */
const ROOM = 0.3;

/**
 * Return the extension with another amount at an edge: a multiple of the step, not negative.
 *
 * @param {Extend} extend
 * @param {Edge} edge
 * @param {number} pixels
 * @param {number} step `size_multiple` of the model
 * @returns {Extend}
 */
export const withEdge = (extend, edge, pixels, step) => ({
  ...extend,
  [edge]: Math.max(0, Math.round((pixels || 0) / step) * step),
});

/**
 * @param {Sides} sides
 * @param {Partial<Extend>} extend
 * @returns {Sides}
 */
export const extendedSides = ({ width, height }, { left = 0, right = 0, top = 0, bottom = 0 }) => ({
  width: left + width + right,
  height: top + height + bottom,
});

/**
 * Return what an editor shows, in pixels of the picture: the extended picture, and room around it.
 *
 * @param {Sides} sides
 * @param {Extend} extend
 * @returns {View}
 */
export function viewOf(sides, extend) {
  const room = ROOM * Math.max(sides.width, sides.height);
  const { width, height } = extendedSides(sides, extend);
  return { left: extend.left + room, top: extend.top + room, width: width + 2 * room, height: height + 2 * room };
}

/**
 * Return the place of the extended picture in the view, as a style.
 *
 * @param {View} view
 * @param {Extend} extend
 * @param {Sides} sides
 */
export function boxOf(view, extend, sides) {
  const { width, height } = extendedSides(sides, extend);
  return {
    left: `${(100 * (view.left - extend.left)) / view.width}%`,
    top: `${(100 * (view.top - extend.top)) / view.height}%`,
    width: `${(100 * width) / view.width}%`,
    height: `${(100 * height) / view.height}%`,
  };
}
