/** Queue: what runs, what waits and why, what has failed lately. */
import { useEffect } from "preact/hooks";

import { setPaused } from "../../api.js";
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { question } from "../../parts/dialog.js";
import { Empty } from "../../parts/empty.js";
import { cancelWaiting } from "../../state/actions.js";
import { attempt } from "../../state/attempt.js";
import { jobSignal, openJobs, visibleIds } from "../../state/job-store.js";
import { byPlace, isWaiting } from "../../state/jobs.js";
import { readOpen } from "../../state/older-jobs.js";
import { isAdmin, readModels, stats } from "../../state/service.js";
import { t } from "../../words/index.js";
import { Rows } from "./rows.js";
import { WaitingRows } from "./waiting-rows.js";

/** @typedef {import("renderq").Job} Job */

/** Ended jobs that the queue shows. */
const MAX_ENDED = 8;

export function Queue() {
  useEffect(() => void readOpen(), []);
  const running = openJobs.value.filter((job) => !isWaiting(job)).reverse();
  const waiting = openJobs.value.filter(isWaiting).sort(byPlace);
  const failed = visibleIds.value
    .map((id) => /** @type {Job} */ (jobSignal(id)?.value))
    .filter((job) => job?.status === "failed" || job?.status === "expired")
    .slice(0, MAX_ENDED);
  return html`<div class="page-view queue-view">
    <header class="view-head">
      <div class="view-title">
        <h1>${t.views.queue}</h1>
        <p class="summary">${t.queue.summary(running.length, waiting.length)}</p>
      </div>
      ${waiting.length > 0 && html`<${Button} onClick=${() => askToCancel(waiting)}>${t.queue.cancelWaiting}<//>`}
    </header>
    <${StandingModels} waiting=${waiting} />
    ${!running.length && !waiting.length && html`<${Empty} icon="queue" title=${t.queue.empty} text=${t.queue.emptyText} />`}
    <${Rows} title=${t.queue.running} jobs=${running} />
    <${WaitingRows} jobs=${waiting} />
    <${Rows} title=${t.queue.ended} jobs=${failed} />
  </div>`;
}

/** @param {readonly Job[]} waiting */
function askToCancel(waiting) {
  question.value = {
    text: t.queue.cancelQuestion(waiting.length),
    confirm: t.dialog.confirmCancel,
    onConfirm: () => void cancelWaiting(),
  };
}

/**
 * Models whose jobs wait for more than their turn.
 *
 * @param {{ waiting: readonly Job[] }} props
 */
function StandingModels({ waiting }) {
  const standing = (stats.value?.models ?? []).filter((model) => model.paused || !model.workers);
  return standing.map(({ model, paused }) => {
    const count = waiting.filter((job) => job.model === model).length;
    if (!count) return null;
    const resume = () => attempt(() => setPaused("models", model, "resume").then(readModels));
    return html`<p class="notice" key=${model}>
      <${Icon} name=${paused ? "pause" : "info"} />
      <span>${(paused ? t.queue.paused : t.queue.noWorker)(model, count)}</span>
      ${paused && isAdmin.value && html`<${Button} small onClick=${resume}>${t.queue.resume}<//>`}
    </p>`;
  });
}
