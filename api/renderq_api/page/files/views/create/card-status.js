/** What a job is doing, and the facts that tell it from others. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { now } from "../../clock.js";
import { hasEnded, sidesOf } from "../../state/jobs.js";
import { isAdmin, me } from "../../state/service.js";
import { f, t } from "../../words/index.js";
import { seldomMore, statusSentence } from "../../words/status.js";

/** @typedef {import("renderq").Job} Job */

/** @param {{ job: Job }} props */
export function CardStatus({ job }) {
  const seconds = me.value?.retention_seconds;
  if (job.status === "succeeded" && job.outputs_expired) {
    return html`<p class="status">${t.status.dataRemoved(seconds ? f.duration(seconds) : null)}</p>`;
  }
  if (job.status === "succeeded") {
    return html`<p class="status" title=${f.moment(job.created_at)}>
      ${f.ago(job.completed_at ?? job.created_at, now.value)}
      ${job.warnings.map((warning) => html` · <span class="warn">${warning.message}</span>`)}
    </p>`;
  }
  const runs = job.status === "running";
  const classes = ["status", runs && "runs", job.status === "failed" && "bad"].filter(Boolean).join(" ");
  const advice = job.error && t.advice[/** @type {keyof typeof t.advice} */ (job.error.code)];
  return html`<p class=${classes} title=${hasEnded(job) ? undefined : seldomMore(job, t, f)}>
    ${job.status === "failed" && html`<${Icon} name="warning" size=${15} />`}
    ${statusSentence(job, t, f)}${advice && html` ${advice}`}
    ${job.wait_reason === "no_worker_for_model" && isAdmin.value && html` ${t.status.noWorkerCommand} <code>renderq worker</code>`}
  </p>`;
}

/** @param {{ job: Job }} props */
export function CardFacts({ job }) {
  const [width, height] = sidesOf(job);
  const seed = String(job.request.seed ?? "");
  const took = job.metrics.inference_ms;
  return html`<p class="facts">
    <span>${job.model}</span>
    <span>${width} × ${height}</span>
    ${job.status === "succeeded" && took && html`<span class="wide-only">${f.exactDuration(took)}</span>`}
    ${seed && html`<span class="wide-only seed" title=${seed}>${seed.length > 5 ? `…${seed.slice(-5)}` : seed}</span>`}
  </p>`;
}
