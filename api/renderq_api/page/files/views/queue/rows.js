/** Rows of jobs that run, or have ended. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { promptOf } from "../../parts/tile.js";
import { openJob } from "../../router.js";
import { cancel, retry } from "../../state/actions.js";
import { hasEnded } from "../../state/jobs.js";
import { f, t } from "../../words/index.js";
import { seldomMore, statusSentence } from "../../words/status.js";

/** @typedef {import("renderq").Job} Job */

/** @param {{ title: string, jobs: readonly Job[] }} props */
export function Rows({ title, jobs }) {
  if (!jobs.length) return null;
  return html`<section class="rows">
    <h2>${title}</h2>
    <ol>
      ${jobs.map((job) => html`<${Row} key=${job.id} job=${job} />`)}
    </ol>
  </section>`;
}

/** @param {{ job: Job }} props */
function Row({ job }) {
  const runs = !hasEnded(job);
  return html`<li class="row" data-job=${job.id} data-status=${job.status}>
    <span class="row-place"><${Icon} name=${runs ? "play" : "warning"} size=${14} /></span>
    <${RowText} job=${job} />
    <span class="row-actions">
      ${runs
        ? html`<${Button} small disabled=${job.status === "canceling"} onClick=${() => cancel(job.id)}>${t.job.cancel}<//>`
        : html`<${Button} small icon="refresh" onClick=${() => retry(job.id)}>${t.job.tryAgain}<//>`}
    </span>
    ${runs && html`<span class="progress runs"><span style=${{ "--value": String(job.progress.value) }}></span></span>`}
  </li>`;
}

/** @param {{ job: Job }} props */
export function RowText({ job }) {
  const runs = job.status === "running" || job.status === "canceling";
  return html`<button type="button" class="row-prompt" onClick=${() => openJob(job.id)}>${promptOf(job)}</button>
    <span class=${`row-status ${runs ? "runs" : ""}`} title=${seldomMore(job, t, f)}>${statusSentence(job, t, f)}</span>
    <span class="row-facts">${job.model} · ${t.queue.pictures(job.progress.images_total)}</span>`;
}
