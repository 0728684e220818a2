/**
 * A mask as a list of strokes, which undo and redo replay. Pure but for the canvas that it is painted on.
 *
 * @typedef {{ x: number, y: number }} Point in pixels of the picture
 * @typedef {{ kind: "brush" | "erase", size: number, points: Point[] }} Line
 * @typedef {{ kind: "rectangle", from: Point, to: Point }} Rectangle
 * @typedef {{ kind: "invert" } | { kind: "clear" }} Whole
 * @typedef {Line | Rectangle | Whole} Stroke
 * @typedef {{ done: readonly Stroke[], undone: readonly Stroke[] }} History
 */

/** @type {History} */
export const EMPTY = { done: [], undone: [] };

/**
 * @param {History} history
 * @param {Stroke} stroke
 * @returns {History}
 */
export const add = ({ done }, stroke) => ({ done: [...done, stroke], undone: [] });

/**
 * @param {History} history
 * @returns {History}
 */
export function undo({ done, undone }) {
  const last = done.at(-1);
  return last ? { done: done.slice(0, -1), undone: [...undone, last] } : { done, undone };
}

/**
 * @param {History} history
 * @returns {History}
 */
export function redo({ done, undone }) {
  const last = undone.at(-1);
  return last ? { done: [...done, last], undone: undone.slice(0, -1) } : { done, undone };
}

/**
 * Paint strokes on a canvas of the picture's sides: what is repainted is opaque.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Stroke[]} strokes
 * @param {string} color
 */
export function paint(context, strokes, color) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.fillStyle = context.strokeStyle = color;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.globalCompositeOperation = COMPOSITIONS[stroke.kind];
    if (stroke.kind === "clear") context.clearRect(0, 0, width, height);
    else if (stroke.kind === "invert") context.fillRect(0, 0, width, height);
    else if (stroke.kind === "rectangle") fillRectangle(context, stroke);
    else drawLine(context, stroke);
  }
  context.globalCompositeOperation = "source-over";
}

/** @type {Record<Stroke["kind"], GlobalCompositeOperation>} */
const COMPOSITIONS = {
  brush: "source-over",
  rectangle: "source-over",
  clear: "source-over",
  erase: "destination-out",
  invert: "source-out",
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Rectangle} rectangle
 */
function fillRectangle(context, { from, to }) {
  context.fillRect(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(to.x - from.x), Math.abs(to.y - from.y));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 */
function drawLine(context, { size, points }) {
  const [first, ...others] = points;
  context.lineWidth = size;
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (const { x, y } of others.length ? others : [first]) context.lineTo(x, y);
  context.stroke();
}
