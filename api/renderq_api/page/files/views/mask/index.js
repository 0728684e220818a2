/** Editor of a mask: what is painted is repainted by the model. */
import { useEffect, useRef, useState } from "preact/hooks";

import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { isTextField } from "../../parts/keyboard.js";
import { enlargedClass } from "../../parts/tile.js";
import { inputAddress } from "../../state/assets.js";
import { draft } from "../../state/draft-store.js";
import { isUploading, maskOpen, setMask } from "../../state/input-picture.js";
import { t } from "../../words/index.js";
import { MaskCanvas } from "./canvas.js";
import { RectangleByNumbers } from "./rectangle.js";
import { add, EMPTY, paint, redo, undo } from "./strokes.js";
import { Toolbar } from "./toolbar.js";

/** @typedef {"brush" | "erase" | "rectangle"} Tool */

const SIZE_STEP = 1.25;

export function MaskEditor() {
  const image = draft.value.input?.image;
  if (!image) return null;
  return html`<${Editor} address=${inputAddress(image)} />`;
}

/** @param {{ address: string | undefined }} props */
function Editor({ address }) {
  const [history, setHistory] = useState(EMPTY);
  const [tool, setTool] = useState(/** @type {Tool} */ ("brush"));
  const [size, setSize] = useState(0);
  const [sides, setSides] = useState(/** @type {{ width: number, height: number } | null} */ (null));
  const image = useRef(/** @type {HTMLImageElement | null} */ (null));
  useEffect(() => {
    if (sides) setSize(Math.max(4, Math.round(Math.max(sides.width, sides.height) / 8)));
  }, [sides]);

  const close = () => (maskOpen.value = false);
  const save = async () => sides && setMask(await toFile(sides, history.done));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    /** @type {Record<string, () => void>} */
    const deeds = {
      b: () => setTool("brush"),
      x: () => setTool("erase"),
      r: () => setTool("rectangle"),
      "[": () => setSize(Math.max(1, Math.round(size / SIZE_STEP))),
      "]": () => setSize(Math.ceil(size * SIZE_STEP)),
    };
    if (isTextField(event.target) || (!isUndo && !Object.hasOwn(deeds, event.key))) return;
    event.preventDefault();
    if (isUndo) setHistory(event.shiftKey ? redo(history) : undo(history));
    else deeds[event.key]();
  };
  return html`<${Dialog} title=${t.mask.title} kind="mask-editor" onClose=${close}>
    <div class="mask-body" onKeyDown=${onKeyDown}>
      <${Toolbar} tool=${tool} size=${size} maxSize=${sides ? Math.max(sides.width, sides.height) : 1} history=${history} onTool=${setTool} onSize=${setSize} onHistory=${setHistory} />
      <div class="mask-stage">
        <div class="mask-frame" style=${sides && { "--ratio": String(sides.width / sides.height) }}>
          ${address && html`<img ref=${image} class=${sides ? enlargedClass(sides.width, sides.height) : ""} src=${address} alt=${t.input.alt} draggable=${false} onLoad=${() => image.current && setSides({ width: image.current.naturalWidth, height: image.current.naturalHeight })} />`}
          ${sides && html`<${MaskCanvas} sides=${sides} strokes=${history.done} tool=${tool} size=${size} onStroke=${(/** @type {import("./strokes.js").Stroke} */ stroke) => setHistory(add(history, stroke))} />`}
        </div>
      </div>
      ${sides && html`<${RectangleByNumbers} sides=${sides} onStroke=${(/** @type {import("./strokes.js").Stroke} */ stroke) => setHistory(add(history, stroke))} />`}
      <footer>
        <${Button} onClick=${close}>${t.mask.cancel}<//>
        <${Button} kind="primary" disabled=${!history.done.length || isUploading.value} onClick=${save}>${t.mask.use}<//>
      </footer>
    </div>
  <//>`;
}

/**
 * Return a PNG of the picture's sides: white is repainted, black is kept.
 *
 * @param {{ width: number, height: number }} sides
 * @param {readonly import("./strokes.js").Stroke[]} strokes
 * @returns {Promise<Blob>}
 */
async function toFile({ width, height }, strokes) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  paint(context, strokes, "#ffffff");
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000000";
  context.fillRect(0, 0, width, height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png"));
}
