/** Two pictures: divided by a line that can be moved, or side by side. */
import { useState } from "preact/hooks";

import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Choice } from "../../parts/choice.js";
import { enlargedClass, Picture, promptOf } from "../../parts/tile.js";
import { inputAddress } from "../../state/assets.js";
import { layout, pinned, placeOf } from "../../state/compare.js";
import { sidesOf } from "../../state/jobs.js";
import { t } from "../../words/index.js";

/** @typedef {import("renderq").Job} Job */

/**
 * @param {{ job: Job, output: import("renderq").Output, reference: string, isFlipped: boolean }} props
 */
export function Compare({ job, output, reference, isFlipped }) {
  const [split, setSplit] = useState(50);
  const [width, height] = sidesOf(job);
  const style = { "--ratio": String(width / height), "--width": `${width}px`, "--split": String(isFlipped ? 100 : split) };
  const current = `${job.id}/${output.index}`;
  const after = html`<${Picture} key=${current} jobId=${job.id} file=${output} alt=${t.job.alt(promptOf(job), output.index + 1)} isWhole />
    <span class="compare-label after">${pinned.value ? t.compare.current : t.compare.after}</span>`;
  const layouts = /** @type {const} */ (["split", "beside"]).map((value) => ({ value, text: t.compare.layouts[value] }));
  return html`<div class="compare">
    <div class=${`stage compare-stage ${layout.value}`} style=${style}>
      ${layout.value === "split"
        ? html`<figure class="frame">${after}<${Before} job=${job} reference=${reference} /><${Line} split=${split} onSplit=${setSplit} /></figure>`
        : html`<div class="compare-cell"><figure class="frame"><${Before} job=${job} reference=${reference} /></figure></div>
            <div class="compare-cell"><figure class="frame">${after}</figure></div>`}
    </div>
    <div class="compare-bar">
      <${Choice} label=${t.compare.layout} value=${layout.value} options=${layouts} onChange=${(/** @type {"split" | "beside"} */ value) => (layout.value = value)} />
      ${reference === current
        ? html`<span class="hint">${t.compare.choose}</span>`
        : html`<span class="hint key-hint">${t.compare.hint}</span>
            <${Button} small kind="quiet" onClick=${() => (pinned.value = current)}>${t.compare.pin}<//>`}
    </div>
  </div>`;
}

/**
 * The picture that another is compared with, left of the line.
 *
 * @param {{ job: Job, reference: string }} props
 */
export function Before({ job, reference }) {
  const address = inputAddress(reference);
  return html`<div class="before">
    ${address && html`<img class=${enlargedClass(...sidesOf(job))} src=${address} style=${placeOf(job, reference)} alt=${t.compare.before} draggable=${false} />`}
    <span class="compare-label">${pinned.value ? t.compare.pinned : t.compare.before}</span>
  </div>`;
}

/** @param {{ split: number, onSplit: (split: number) => void }} props */
function Line({ split, onSplit }) {
  return html`<span class="split-line"></span>
    <input
      type="range"
      class="split-range"
      aria-label=${t.compare.line}
      value=${split}
      onInput=${(/** @type {Event} */ event) => onSplit(/** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber)}
    />`;
}
