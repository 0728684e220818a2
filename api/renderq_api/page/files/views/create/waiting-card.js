/** Many waiting jobs in one card of fixed height, a line each. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { promptOf } from "../../parts/tile.js";
import { cancel } from "../../state/actions.js";
import { jobSignal } from "../../state/job-store.js";
import { byPlace } from "../../state/jobs.js";
import { f, t } from "../../words/index.js";
import { statusSentence } from "../../words/status.js";

/** @param {{ some: string[] }} props */
export function WaitingCard({ some }) {
  const jobs = some.flatMap((id) => jobSignal(id)?.value ?? []).sort(byPlace);
  return html`<section class="card waiting-card" aria-label=${t.job.waitingCount(jobs.length)}>
    <h2>${t.job.waitingCount(jobs.length)}</h2>
    <ul tabindex="0">
      ${jobs.map(
        (job) => html`<li key=${job.id}>
          <span class="line-prompt">${promptOf(job)}</span>
          <span class="line-status">${statusSentence(job, t, f)}</span>
          <${Button} small kind="quiet" icon="close" label=${t.job.cancel} onClick=${() => cancel(job.id)} />
        </li>`,
      )}
    </ul>
  </section>`;
}
