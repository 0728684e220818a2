/** The pictures of one job in the gallery. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Picture, promptOf } from "../../parts/tile.js";
import { openJob } from "../../router.js";
import { jobSignal } from "../../state/job-store.js";
import { sidesOf } from "../../state/jobs.js";
import { t } from "../../words/index.js";
import { selected, toggleSelected } from "./selection.js";

/** @param {{ id: string }} props */
export function GalleryItem({ id }) {
  const job = jobSignal(id)?.value;
  if (!job) return null;
  const [width, height] = sidesOf(job);
  const isSelected = selected.value.has(id);
  const open = (/** @type {number} */ index) => (selected.peek().size ? toggleSelected(id) : openJob(id, index));
  return job.outputs.map(
    (output, place) => html`<div
      class=${`shot ${isSelected ? "selected" : ""}`}
      key=${output.index}
      style=${{ "--ratio": String(width / height) }}
      data-job=${id}
    >
      <button type="button" class="tile" aria-label=${`${t.job.open(output.index + 1)}: ${promptOf(job)}`} onClick=${() => open(output.index)}>
        <${Picture} jobId=${id} file=${output} alt="" />
        <span class="shot-prompt">${promptOf(job)}</span>
      </button>
      ${job.kept && place === 0 && html`<span class="shot-kept" title=${t.job.kept}><${Icon} name="heart" size=${16} filled /></span>`}
      ${place === 0 &&
      html`<label class="shot-select">
        <input type="checkbox" checked=${isSelected} aria-label=${t.gallery.selectOne(promptOf(job))} onChange=${() => toggleSelected(id)} />
      </label>`}
    </div>`,
  );
}
