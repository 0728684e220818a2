/** The sentence that says where a job is, and why it waits. Pure. */

/**
 * @typedef {import("renderq").Job} Job
 * @typedef {import("./index.js").Words} Words
 * @typedef {ReturnType<typeof import("./format.js").createFormats>} Formats
 */

/**
 * @param {Job} job
 * @param {Words} t
 * @param {Formats} f
 * @returns {string}
 */
export function statusSentence(job, t, f) {
  switch (job.status) {
    case "queued":
      return waitingSentence(job, t, f);
    case "running":
      return runningSentence(job, t, f);
    case "canceling":
      return t.status.canceling;
    case "canceled":
      return t.status.canceled;
    case "expired":
      return t.status.expired;
    case "failed":
      return job.error?.message ?? t.status.failed;
    default:
      return "";
  }
}

/**
 * Return what the estimate leaves open, for a tooltip.
 *
 * @param {Job} job
 * @param {Words} t
 * @param {Formats} f
 */
export const seldomMore = ({ eta_seconds }, t, f) => (eta_seconds ? t.status.seldomMore(f.duration(eta_seconds.p90)) : "");

/**
 * @param {Job} job
 * @param {Words} t
 * @param {Formats} f
 */
function waitingSentence({ wait_reason, queue_position, eta_seconds, model }, t, f) {
  if (wait_reason === "paused") return t.status.paused;
  if (wait_reason === "no_worker_for_model") return t.status.noWorker(model);
  if (wait_reason === "loading_model") return t.status.loadingModel;
  if (queue_position === null || queue_position === undefined) return t.status.waiting;
  const place = queue_position === 0 ? t.status.next : t.status.before(queue_position);
  return eta_seconds ? `${place} · ${t.status.about(f.duration(eta_seconds.p50))}` : place;
}

/**
 * @param {Job} job
 * @param {Words} t
 * @param {Formats} f
 */
function runningSentence({ stage, progress, eta_seconds }, t, f) {
  if (stage === "loading_model") return t.status.loadingModel;
  if (stage === "encoding") return t.status.encoding;
  if (stage === "decoding" || stage === "uploading" || progress.value >= 1) return t.status.finishing;
  const sentence = `${t.status.drawing} · ${f.percent(progress.value)}`;
  return eta_seconds ? `${sentence} · ${t.status.left(f.duration(eta_seconds.p50))}` : sentence;
}
