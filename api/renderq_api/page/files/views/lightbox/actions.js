/** What one can do with the picture that is shown. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { copyText } from "../../parts/clipboard.js";
import { Menu, MenuItem } from "../../parts/menu.js";
import { promptOf } from "../../parts/tile.js";
import { cancel, download, enlarge, moreLikeIt } from "../../state/actions.js";
import { offeredTasks } from "../../state/input-picture.js";
import { hasEnded } from "../../state/jobs.js";
import { isVisitor, models } from "../../state/service.js";
import { snippetOf } from "../../state/snippet-of-job.js";
import { SNIPPETS } from "../../state/snippets.js";
import { t } from "../../words/index.js";
import { KeepButton } from "../create/card-actions.js";
import { fillIn, removeShown, startAnew } from "./deeds.js";

/** @typedef {import("renderq").Job} Job */

/** Factors by which a picture is enlarged where the model has no task for it. */
const FACTORS = /** @type {const} */ ([2, 4]);

/** @param {{ job: Job, index: number }} props */
export function LightboxActions({ job, index }) {
  const output = job.outputs.find((one) => one.index === index);
  const tasks = offeredTasks();
  if (!hasEnded(job)) {
    return html`<div class="lightbox-actions"><${Button} small disabled=${job.status === "canceling"} onClick=${() => cancel(job.id)}>${t.job.cancel}<//></div>`;
  }
  return html`<div class="lightbox-actions">
    <${KeepButton} job=${job} small=${false} />
    ${output && html`<${Button} kind="quiet" icon="download" label=${t.job.download} onClick=${() => download(job, index)} />`}
    <${Button} disabled=${!models.value} onClick=${() => fillIn(job)}>${t.job.useSettings}<//>
    ${output && html`<${Button} disabled=${!models.value} title=${t.job.useSeedTitle} onClick=${() => fillIn(job, { seed: output.seed, n: 1 })}>${t.job.useSeed}<//>`}
    <${Button} class="button plain more-like" title=${t.job.moreLikeTitle} onClick=${() => moreLikeIt(job)}>${t.job.moreLike}<//>
    ${output && !isVisitor.value &&
    html`<${Menu} label=${t.job.startFrom} button=${{ class: "button quiet start-from", disabled: !models.value }} face=${html`<${Icon} name="brush" /><span>${t.job.startFrom}</span>`}>
      ${tasks.map((task) => html`<${MenuItem} key=${task} onClick=${() => startAnew(job, index, task)}>${t.input.deeds[/** @type {"img2img"} */ (task)]}<//>`)}
      ${!tasks.includes("upscale") && FACTORS.map((factor) => html`<${MenuItem} key=${factor} onClick=${() => enlarge(job, output, factor)}>${t.job.enlarge(factor)}<//>`)}
    <//>`}
    <${Menu} label=${t.job.copyAs} button=${{ class: "button quiet square" }} face=${html`<${Icon} name="copy" />`}>
      <${MenuItem} icon="copy" onClick=${() => copyText(promptOf(job))}>${t.job.copyPrompt}<//>
      ${output && html`<${MenuItem} icon="seed" onClick=${() => copyText(String(output.seed))}>${t.job.copySeed}<//>`}
      ${SNIPPETS.map((kind) => html`<${MenuItem} key=${kind} onClick=${() => copyText(snippetOf(job, kind))}>${t.job.copyAs} ${t.job[kind]}<//>`)}
    <//>
    <${Button} kind="quiet" icon="trash" label=${t.job.remove} onClick=${() => removeShown(job)} />
  </div>`;
}
