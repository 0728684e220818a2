/** The mask above its picture. The picture is never drawn on the canvas, so the mask can always be read back. */
import { useEffect, useRef, useState } from "preact/hooks";

import { html } from "../../html.js";
import { t } from "../../words/index.js";
import { paint } from "./strokes.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** Color of what is repainted; the style sheet makes it transparent. */
const COLOR = "#f2a33a";

/**
 * @param {{ sides: { width: number, height: number }, strokes: readonly Stroke[], tool: "brush" | "erase" | "rectangle",
 *   size: number, onStroke: (stroke: Stroke) => void }} props
 */
export function MaskCanvas({ sides, strokes, tool, size, onStroke }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [current, setCurrent] = useState(/** @type {Stroke | null} */ (null));
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, current ? [...strokes, current] : strokes, COLOR);
  }, [strokes, current, sides]);

  const at = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLCanvasElement} */ (canvas.current).getBoundingClientRect();
    const scale = sides.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  };
  const start = (/** @type {PointerEvent} */ event) => {
    if (event.button) return;
    canvas.current?.setPointerCapture(event.pointerId);
    const point = at(event);
    setCurrent(tool === "rectangle" ? { kind: tool, from: point, to: point } : { kind: tool, size, points: [point] });
  };
  const extend = (/** @type {PointerEvent} */ event) => {
    if (!current) return;
    if (current.kind === "rectangle") setCurrent({ ...current, to: at(event) });
    else if ("points" in current) setCurrent({ ...current, points: [...current.points, at(event)] });
  };
  const end = () => {
    if (current) onStroke(current);
    setCurrent(null);
  };
  return html`<canvas
    ref=${canvas}
    class="mask-canvas"
    width=${sides.width}
    height=${sides.height}
    role="img"
    aria-label=${t.mask.canvas}
    onPointerDown=${start}
    onPointerMove=${extend}
    onPointerUp=${end}
    onPointerCancel=${end}
  ></canvas>`;
}
