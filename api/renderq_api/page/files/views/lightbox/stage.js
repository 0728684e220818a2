/** The picture: as large as fits, or at 100 % and movable; a swipe leads to the next. */
import { useRef } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { enlargedClass, Picture, promptOf } from "../../parts/tile.js";
import { hasEnded, sidesOf } from "../../state/jobs.js";
import { previewAddress, previewsOf } from "../../state/previews.js";
import { f, t } from "../../words/index.js";
import { statusSentence } from "../../words/status.js";
import { Before } from "./compare.js";

const SWIPE_PX = 60;

/** @typedef {import("renderq").Job} Job */

/**
 * @param {{ job: Job, index: number, zoom: "fit" | "actual", before: string | null, onMove: (step: 1 | -1) => void,
 *   onZoom: () => void }} props `before`: a picture to be shown instead
 */
export function Stage({ job, index, zoom, before, onMove, onZoom }) {
  const output = job.outputs.find((one) => one.index === index);
  const preview = output ? undefined : previewsOf(job.id).value[index];
  const [width, height] = sidesOf(job);
  const style = { "--ratio": String(width / height), "--width": `${width}px`, "--height": `${height}px` };
  return html`<div class=${`stage ${zoom}`} ...${useDrag(zoom, onMove)}>
    <figure class="frame" style=${style} key=${`${job.id}/${index}`} onDblClick=${onZoom}>
      ${preview && html`<img class=${`preview ${enlargedClass(width, height)}`} src=${previewAddress(preview)} alt=${t.job.previewAlt} />`}
      ${output && html`<${Picture} jobId=${job.id} file=${output} alt=${t.job.alt(promptOf(job), index + 1)} isWhole />`}
      ${output && before && html`<${Before} job=${job} reference=${before} />`}
    </figure>
    ${!output && html`<p class="stage-status">${statusSentence(job, t, f) || (hasEnded(job) ? t.job.missing : "")}</p>`}
    <button type="button" class="stage-move previous" aria-label=${t.lightbox.previous} title=${t.lightbox.previous} onClick=${() => onMove(-1)}><${Icon} name="left" size=${28} /></button>
    <button type="button" class="stage-move next" aria-label=${t.lightbox.next} title=${t.lightbox.next} onClick=${() => onMove(1)}><${Icon} name="right" size=${28} /></button>
  </div>`;
}

/**
 * Return the handlers for dragging: it moves a picture at 100 %, else it is a swipe.
 *
 * @param {"fit" | "actual"} zoom
 * @param {(step: 1 | -1) => void} onMove
 */
function useDrag(zoom, onMove) {
  const from = useRef(/** @type {{ x: number, y: number } | null} */ (null));
  return {
    onPointerDown(/** @type {PointerEvent} */ event) {
      if (event.target instanceof Element && event.target.closest("button")) return;
      from.current = { x: event.clientX, y: event.clientY };
    },
    onPointerMove(/** @type {PointerEvent} */ event) {
      if (!from.current || zoom === "fit" || event.pointerType === "touch") return;
      const stage = /** @type {HTMLElement} */ (event.currentTarget);
      stage.scrollBy(from.current.x - event.clientX, from.current.y - event.clientY);
      from.current = { x: event.clientX, y: event.clientY };
    },
    onPointerUp(/** @type {PointerEvent} */ event) {
      const distance = from.current ? event.clientX - from.current.x : 0;
      from.current = null;
      if (zoom === "fit" && event.pointerType === "touch" && Math.abs(distance) > SWIPE_PX) onMove(distance < 0 ? 1 : -1);
    },
    onPointerLeave() {
      from.current = null;
    },
  };
}
