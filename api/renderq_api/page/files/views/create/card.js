/** A job in the feed: prompt, what it is doing, a plate for every image, and what one can do with it. */
import { useEffect, useRef } from "preact/hooks";

import { html } from "../../html.js";
import { promptOf, Tile } from "../../parts/tile.js";
import { isTextField } from "../../parts/keyboard.js";
import { openJob } from "../../router.js";
import { downloadAll, remove, toggleKept } from "../../state/actions.js";
import { useSettings } from "../../state/draft-store.js";
import { jobSignal } from "../../state/job-store.js";
import { hasEnded, sidesOf } from "../../state/jobs.js";
import { letterKeys } from "../../state/preferences.js";
import { followView, previewsOf } from "../../state/previews.js";
import { CardActions } from "./card-actions.js";
import { CardFacts, CardStatus } from "./card-status.js";

/** @typedef {import("renderq").Job} Job */

/** @param {{ id: string }} props */
export function Card({ id }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => (ref.current ? followView(ref.current) : undefined), [id]);
  const job = jobSignal(id)?.value;
  if (!job) return null;
  const hasPlates = !hasEnded(job) || job.outputs.length > 0;
  return html`<article ref=${ref} class=${hasPlates ? "card" : "card bare"} data-job=${id} data-status=${job.status} aria-labelledby=${`prompt-${id}`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, job)}>
    <header>
      <h2 id=${`prompt-${id}`} class="card-prompt" title=${promptOf(job)}>${promptOf(job)}</h2>
      <${CardActions} job=${job} />
    </header>
    <div class="card-line"><${CardStatus} job=${job} /><${CardFacts} job=${job} /></div>
    ${hasPlates && html`<${Plates} job=${job} />`}
    ${hasPlates && html`<${Progress} job=${job} />`}
  </article>`;
}

/**
 * Keys act on the card that has the focus.
 *
 * @param {KeyboardEvent} event
 * @param {Job} job
 */
function onKey(event, job) {
  if (isTextField(event.target) || event.ctrlKey || event.metaKey || event.altKey || !hasEnded(job)) return;
  if (event.key.length === 1 && !letterKeys.value) return;
  /** @type {Record<string, () => unknown>} */
  const deeds = {
    Delete: () => remove([job.id]),
    k: () => toggleKept(job),
    d: () => downloadAll(job),
    u: () => useSettings(job),
  };
  if (!Object.hasOwn(deeds, event.key)) return;
  event.preventDefault();
  deeds[event.key]();
}

/** @param {{ job: Job }} props */
function Plates({ job }) {
  const [width, height] = sidesOf(job);
  const total = hasEnded(job) ? job.outputs.length : job.progress.images_total;
  const indexes = hasEnded(job) ? job.outputs.map(({ index }) => index) : [...Array(total).keys()];
  const previews = hasEnded(job) && job.outputs.length === 0 ? {} : previewsOf(job.id).value;
  return html`<div class="plates" data-count=${Math.min(total, 5)} style=${{ "--ratio": String(width / height) }}>
    ${indexes.map(
      (index) => html`<${Tile}
        key=${index}
        job=${job}
        index=${index}
        preview=${previews[index]}
        onOpen=${(/** @type {number} */ at) => openJob(job.id, at)}
      />`,
    )}
  </div>`;
}

/**
 * The line keeps its room when the job has ended.
 *
 * @param {{ job: Job }} props
 */
function Progress({ job }) {
  const runs = job.status === "running" || job.status === "canceling";
  if (!runs) return html`<div class="progress"></div>`;
  return html`<div
    class="progress runs"
    role="progressbar"
    aria-valuenow=${Math.round(job.progress.value * 100)}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-labelledby=${`prompt-${job.id}`}
  >
    <span style=${{ "--value": String(job.progress.value) }}></span>
  </div>`;
}
