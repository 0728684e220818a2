/** Models: what each can do, how fast it is, and whether it is ready. */
import { setPaused } from "../api.js";
import { html } from "../html.js";
import { Button } from "../parts/button.js";
import { Empty } from "../parts/empty.js";
import { go } from "../router.js";
import { viewAddress } from "../routes.js";
import { attempt } from "../state/attempt.js";
import { change, model as draftModel } from "../state/draft-store.js";
import { isAdmin, models, readModels, stats } from "../state/service.js";
import { f, t } from "../words/index.js";

/** @typedef {import("renderq").Model} Model */

export function Models() {
  return html`<div class="page-view">
    <header class="view-head"><h1>${t.views.models}</h1></header>
    ${models.value?.length === 0 && html`<${Empty} icon="models" title=${t.models.empty} text=${t.models.emptyText} />`}
    <div class="model-cards">${(models.value ?? []).map((one) => html`<${ModelCard} key=${one.name} model=${one} />`)}</div>
  </div>`;
}

/** @param {{ model: Model }} props */
function ModelCard({ model }) {
  const load = stats.value?.models.find((one) => one.model === model.name) ?? model;
  const use = () => {
    change({ model: model.default ? null : model.name });
    go(viewAddress("create"));
  };
  const setPause = (/** @type {"pause" | "resume"} */ action) =>
    attempt(() => setPaused("models", model.name, action).then(readModels));
  return html`<article class="model-card" aria-labelledby=${`model-${model.name}`}>
    <header>
      <h2 id=${`model-${model.name}`}>${model.name}</h2>
      ${model.default && html`<span class="tag">${t.models.default}</span>`}
      <${Readiness} model=${model} isPaused=${load.paused} />
    </header>
    ${model.description && html`<p>${model.description}</p>`}
    <dl class="facts-list">
      <dt>${t.models.tasks}</dt>
      <dd>${model.tasks.map((task) => t.job.tasks[/** @type {"txt2img"} */ (task)] ?? task).join(", ")}</dd>
      <dt>${t.models.size}</dt>
      <dd>${model.defaults.width} × ${model.defaults.height} · ${t.models.upTo(model.limits.max_side)}</dd>
      <dt>${t.models.steps}</dt>
      <dd>${model.defaults.steps} · ${t.models.samplers(Math.max(1, model.schedulers.length))}</dd>
      ${model.loras.length > 0 && html`<dt>${t.models.loras}</dt><dd>${model.loras.map(({ name, title }) => title || name).join(", ")}</dd>`}
      ${model.license && html`<dt>${t.models.license}</dt><dd>${model.license}</dd>`}
    </dl>
    <p class="model-load">
      <b>${model.seconds_per_image ? t.models.perPicture(f.exactDuration(model.seconds_per_image * 1000)) : t.models.unknownSpeed}</b>
      <span>${t.models.waiting(load.queued_jobs)} · ${t.models.running(load.running_jobs)}</span>
    </p>
    ${model.watermark && html`<p class="hint">${t.models.watermark(model.watermark)}</p>`}
    <footer>
      <${Button} kind=${draftModel.value?.name === model.name ? "plain" : "primary"} disabled=${draftModel.value?.name === model.name} onClick=${use}>
        ${draftModel.value?.name === model.name ? t.models.used : t.models.use}
      <//>
      ${isAdmin.value &&
      html`<${Button} icon=${load.paused ? "play" : "pause"} onClick=${() => setPause(load.paused ? "resume" : "pause")}>
        ${load.paused ? t.models.resume : t.models.pause}
      <//>`}
    </footer>
  </article>`;
}

/** @param {{ model: Model, isPaused: boolean }} props */
function Readiness({ model, isPaused }) {
  const [state, text] = isPaused
    ? ["none", t.models.paused]
    : !model.workers
      ? ["lost", t.models.noWorker]
      : model.warm_workers
        ? ["ok", t.models.warm]
        : ["", t.models.cold];
  return html`<span class=${`pill ${state}`}><i></i><span>${text}</span></span>`;
}
