/** What one can do with a job: quiet until the card has the pointer or the focus. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { copyText } from "../../parts/clipboard.js";
import { Menu, MenuItem } from "../../parts/menu.js";
import { promptOf } from "../../parts/tile.js";
import { cancel, downloadAll, makeAgain, moreLikeIt, remove, retry, toggleKept } from "../../state/actions.js";
import { useSettings } from "../../state/draft-store.js";
import { hasEnded } from "../../state/jobs.js";
import { isVisitor, models } from "../../state/service.js";
import { SNIPPETS } from "../../state/snippets.js";
import { snippetOf } from "../../state/snippet-of-job.js";
import { sweepOf } from "../../state/sweep.js";
import { showTable } from "../../state/sweep-table.js";
import { t } from "../../words/index.js";
import { LabelEditor } from "../labels.js";

/** @typedef {import("renderq").Job} Job */

/** @param {{ job: Job }} props */
export function CardActions({ job }) {
  if (job.status === "canceling") return html`<div class="card-actions"></div>`;
  if (!hasEnded(job)) {
    return html`<div class="card-actions"><${Button} small onClick=${() => cancel(job.id)}>${t.job.cancel}<//></div>`;
  }
  const canRetry = job.status !== "succeeded";
  return html`<div class="card-actions quiet">
    ${canRetry && html`<${Button} small icon="refresh" onClick=${() => retry(job.id)}>${t.job.tryAgain}<//>`}
    ${job.outputs_expired && html`<${Button} small icon="refresh" onClick=${() => makeAgain(job)}>${t.job.makeAgain}<//>`}
    <${Button} small disabled=${!models.value} onClick=${() => useSettings(job)}>${t.job.useSettings}<//>
    ${job.status === "succeeded" && html`<${Button} small title=${t.job.moreLikeTitle} onClick=${() => moreLikeIt(job)}>${t.job.moreLike}<//>`}
    ${job.outputs.length > 0 && html`<${KeepButton} job=${job} />`}
    <${MoreMenu} job=${job} />
    <${Button} small kind="quiet" icon="trash" label=${t.job.remove} onClick=${() => remove([job.id])} />
  </div>`;
}

/** @param {{ job: Job, small?: boolean }} props */
export function KeepButton({ job, small = true }) {
  if (isVisitor.value) return null;
  return html`<${Button}
    small=${small}
    kind="quiet"
    icon="heart"
    filled=${job.kept}
    label=${job.kept ? t.job.unkeepTitle : t.job.keepTitle}
    aria-pressed=${job.kept}
    onClick=${() => toggleKept(job)}
  />`;
}

/** @param {{ job: Job }} props */
function MoreMenu({ job }) {
  const sweep = sweepOf(job);
  return html`<${Menu}
    label=${t.job.more}
    button=${{ class: "button quiet small square" }}
    face=${html`<${Icon} name="more" size=${16} />`}
  >
    ${job.outputs.length > 1 && html`<${MenuItem} icon="download" onClick=${() => downloadAll(job)}>${t.job.downloadAll}<//>`}
    ${sweep && html`<${MenuItem} icon="sweep" onClick=${() => showTable(sweep)}>${t.sweep.show}<//>`}
    <${MenuItem} icon="copy" onClick=${() => copyText(promptOf(job))}>${t.job.copyPrompt}<//>
    ${SNIPPETS.map(
      (kind) => html`<${MenuItem} key=${kind} onClick=${() => copyText(snippetOf(job, kind))}>${t.job.copyAs} ${t.job[kind]}<//>`,
    )}
    <${MenuItem} onClick=${() => copyText(job.id)}>${t.job.copyId}<//>
    ${!isVisitor.value && html`<${LabelEditor} job=${job} />`}
  <//>`;
}
