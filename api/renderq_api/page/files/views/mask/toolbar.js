/** Tools of the mask's editor. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Choice } from "../../parts/choice.js";
import { t } from "../../words/index.js";
import { add, redo, undo } from "./strokes.js";

/** @typedef {import("./strokes.js").History} History */

/**
 * @param {{ tool: "brush" | "erase" | "rectangle", size: number, maxSize: number, history: History,
 *   onTool: (tool: "brush" | "erase" | "rectangle") => void, onSize: (size: number) => void,
 *   onHistory: (history: History) => void }} props
 */
export function Toolbar({ tool, size, maxSize, history, onTool, onSize, onHistory }) {
  const tools = /** @type {const} */ (["brush", "erase", "rectangle"]).map((value) => ({ value, text: t.mask.tools[value] }));
  return html`<div class="mask-tools" role="toolbar" aria-label=${t.mask.toolbar}>
    <${Choice} label=${t.mask.toolbar} value=${tool} options=${tools} onChange=${onTool} />
    <${Button} kind="quiet" icon="undo" label=${t.mask.undo} disabled=${!history.done.length} onClick=${() => onHistory(undo(history))} />
    <${Button} kind="quiet" icon="redo" label=${t.mask.redo} disabled=${!history.undone.length} onClick=${() => onHistory(redo(history))} />
    <label class="mask-size">
      <span class="label">${t.mask.size}</span>
      <input
        type="range"
        class="range"
        min="1"
        max=${maxSize}
        value=${size}
        style=${{ "--share": String(size / maxSize) }}
        onInput=${(/** @type {Event} */ event) => onSize(/** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber)}
      />
    </label>
    <span class="composer-space"></span>
    <${Button} kind="quiet" small onClick=${() => onHistory(add(history, { kind: "invert" }))}>${t.mask.invert}<//>
    <${Button} kind="quiet" small onClick=${() => onHistory(add(history, { kind: "clear" }))}>${t.mask.clear}<//>
  </div>`;
}
