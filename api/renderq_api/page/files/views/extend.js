/** Editor of an extension: the edges of the picture are pulled outwards. */
import { useRef, useState } from "preact/hooks";

import { html } from "../html.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { enlargedClass } from "../parts/tile.js";
import { inputAddress } from "../state/assets.js";
import { changeInput, draft, model } from "../state/draft-store.js";
import { boxOf, EDGES, extendedSides, NO_EXTENSION, viewOf, withEdge } from "../state/extension.js";
import { extendOpen } from "../state/input-picture.js";
import { t } from "../words/index.js";

/**
 * @typedef {import("../state/draft-input.js").Extend} Extend
 * @typedef {import("../state/extension.js").Edge} Edge
 * @typedef {import("../state/extension.js").Sides} Sides
 * @typedef {import("../state/extension.js").View} View
 */

/** Direction in which an edge is pulled outwards. @type {Record<Edge, { axis: "x" | "y", sign: 1 | -1, out: string, in: string }>} */
const PULLS = {
  left: { axis: "x", sign: -1, out: "ArrowLeft", in: "ArrowRight" },
  right: { axis: "x", sign: 1, out: "ArrowRight", in: "ArrowLeft" },
  top: { axis: "y", sign: -1, out: "ArrowUp", in: "ArrowDown" },
  bottom: { axis: "y", sign: 1, out: "ArrowDown", in: "ArrowUp" },
};

export function ExtendEditor() {
  const { input } = draft.value;
  if (input?.task !== "outpaint" || !model.value) return null;
  return html`<${Editor} address=${inputAddress(input.image)} extend=${{ ...NO_EXTENSION, ...input.extend }} step=${model.value.limits.size_multiple} />`;
}

/** @param {{ address: string | undefined, extend: Extend, step: number }} props */
function Editor({ address, extend, step }) {
  const [sides, setSides] = useState(/** @type {Sides | null} */ (null));
  /** While an edge is pulled, nothing else moves. */
  const [held, setHeld] = useState(/** @type {View | null} */ (null));
  const view = sides && (held ?? viewOf(sides, extend));
  const close = () => (extendOpen.value = false);
  const measure = (/** @type {Event} */ event) => {
    const { naturalWidth: width, naturalHeight: height } = /** @type {HTMLImageElement} */ (event.currentTarget);
    setSides({ width, height });
  };
  const after = sides && extendedSides(sides, extend);
  return html`<${Dialog} title=${t.extend.title} kind="mask-editor" onClose=${close}>
    <div class="mask-body">
      <div class="mask-stage">
        <div class="extend-view" style=${view && { "--ratio": String(view.width / view.height) }}>
          ${sides && view && html`<div class="extend-frame" style=${boxOf(view, extend, sides)}></div>`}
          ${address && html`<img class=${sides ? enlargedClass(sides.width, sides.height) : "unseen"} style=${view && sides && boxOf(view, NO_EXTENSION, sides)} src=${address} alt=${t.input.alt} draggable=${false} onLoad=${measure} />`}
          ${sides && view && EDGES.map((edge) => html`<${Handle} key=${edge} edge=${edge} extend=${extend} step=${step} view=${view} sides=${sides} onHold=${setHeld} />`)}
        </div>
      </div>
      <p class="hint">${sides && after ? `${sides.width} × ${sides.height} → ${after.width} × ${after.height}` : ""}</p>
      <footer>
        <${Button} onClick=${() => changeInput({ extend: NO_EXTENSION })}>${t.extend.reset}<//>
        <${Button} kind="primary" onClick=${close}>${t.extend.done}<//>
      </footer>
    </div>
  <//>`;
}

/**
 * @param {{ edge: Edge, extend: Extend, step: number, view: View, sides: Sides, onHold: (view: View | null) => void }} props
 */
function Handle({ edge, extend, step, view, sides, onHold }) {
  const from = useRef(/** @type {{ at: number, pixels: number, scale: number } | null} */ (null));
  const { axis, sign, ...keys } = PULLS[edge];
  const set = (/** @type {number} */ pixels) => {
    const pulled = withEdge(extend, edge, pixels, step);
    if (pulled[edge] !== extend[edge]) changeInput({ extend: pulled });
  };
  const at = (/** @type {PointerEvent} */ event) => (axis === "x" ? event.clientX : event.clientY);
  const start = (/** @type {PointerEvent} */ event) => {
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    const scale = view.width / /** @type {HTMLElement} */ (handle.closest(".extend-view")).clientWidth;
    handle.setPointerCapture(event.pointerId);
    from.current = { at: at(event), pixels: extend[edge], scale };
    onHold(view);
  };
  const pull = (/** @type {PointerEvent} */ event) => {
    if (from.current) set(from.current.pixels + sign * (at(event) - from.current.at) * from.current.scale);
  };
  const end = () => {
    from.current = null;
    onHold(null);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const change = { [keys.out]: step, [keys.in]: -step }[event.key];
    if (change === undefined) return;
    event.preventDefault();
    set(extend[edge] + change);
  };
  return html`<div class=${`extend-box ${edge}`} style=${boxOf(view, extend, sides)}>
    <span
      role="slider"
      tabindex="0"
      class="extend-handle"
      aria-label=${t.settings.edges[edge]}
      aria-orientation=${axis === "x" ? "horizontal" : "vertical"}
      aria-valuemin="0"
      aria-valuemax=${Math.max(sides.width, sides.height)}
      aria-valuenow=${extend[edge]}
      onPointerDown=${start}
      onPointerMove=${pull}
      onPointerUp=${end}
      onPointerCancel=${end}
      onKeyDown=${onKeyDown}
    >${extend[edge] > 0 && html`<b>+${extend[edge]}</b>`}</span>
  </div>`;
}
