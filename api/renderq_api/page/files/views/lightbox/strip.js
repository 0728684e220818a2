/** All pictures of the job, below the one that is shown. */
import { html } from "../../html.js";
import { Tile } from "../../parts/tile.js";
import { openJob } from "../../router.js";
import { hasEnded, sidesOf } from "../../state/jobs.js";
import { previewsOf } from "../../state/previews.js";
import { t } from "../../words/index.js";

/** @param {{ job: import("renderq").Job, index: number }} props */
export function Strip({ job, index }) {
  const indexes = hasEnded(job) ? job.outputs.map((one) => one.index) : [...Array(job.progress.images_total).keys()];
  if (indexes.length < 2) return null;
  const [width, height] = sidesOf(job);
  return html`<nav class="strip" aria-label=${t.lightbox.strip} style=${{ "--ratio": String(width / height) }}>
    ${indexes.map(
      (at) => html`<span key=${at} class=${at === index ? "current" : ""}>
        <${Tile} job=${job} index=${at} preview=${previewsOf(job.id).value[at]} onOpen=${() => openJob(job.id, at)} />
      </span>`,
    )}
  </nav>`;
}
