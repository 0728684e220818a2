/** What one can do with jobs. Refusals are shown as messages. */
import { annotateJob, cancelJob, cancelJobs, deleteJobs, linkImage, moveJob, newIdempotencyKey, retryJob } from "../api.js";
import { openJob } from "../router.js";
import { t } from "../words/index.js";
import { attempt, reasonOf } from "./attempt.js";
import { withoutSeed } from "./draft.js";
import { settle } from "./feed.js";
import { dropJob, putJob, setHidden } from "./job-store.js";
import { cancelResend, refusal, resendAt, resendSentence, submit } from "./submission.js";
import { showToast } from "./toasts.js";

/** @typedef {import("renderq").Job} Job */

/** Jobs of one request. */
const MAX_IDS = 100;

/** @param {string} id */
export const cancel = (id) => attempt(async () => putJob(await cancelJob(id)));

/** Cancel all queued jobs, also those that the page has not listed. */
export const cancelWaiting = () => attempt(() => cancelJobs({ status: "queued" }));

/** @type {(id: string, place: { to?: "front" | "back", before?: string }) => Promise<unknown>} */
export const moveInQueue = (id, place) => attempt(async () => putJob(await moveJob(id, place)));

/** @param {string} id */
export async function retry(id) {
  await attempt(async () => putJob(await retryJob(id, newIdempotencyKey())));
  settle();
}

/** @param {Job} job */
export const makeAgain = (job) => submitOrTell(job.request);

/** @param {Job} job */
export const moreLikeIt = (job) => submitOrTell(withoutSeed(job.request));

/**
 * Render one image of a job again, and enlarge it.
 *
 * @param {Job} job
 * @param {import("renderq").Output} image
 * @param {2 | 4} factor
 */
export const enlarge = ({ request }, { seed }, factor) =>
  submitOrTell({ ...request, seed, n: 1, output: { .../** @type {object} */ (request.output), grid: false, resize: factor } });

/** @param {Record<string, unknown>} request */
async function submitOrTell(request) {
  const job = await submit(request);
  const { error } = refusal.peek() ?? {};
  if (job) showToast({ text: t.toast.submitted, action: { label: t.toast.show, run: () => openJob(job.id) } });
  else if (resendAt.peek() !== null) showToast({ text: resendSentence(error?.retryAfter ?? 1), action: { label: t.composer.stopResend, run: cancelResend } });
  else if (error) showToast({ text: t.toast.notSubmitted(reasonOf(error)), kind: "bad" });
}

/** @param {Job} job */
export const toggleKept = (job) => attempt(async () => putJob(await annotateJob(job.id, { kept: !job.kept })));

/**
 * @param {readonly string[]} some
 * @param {boolean} kept
 */
export const setKept = (some, kept) =>
  attempt(async () => {
    for (const id of some) putJob(await annotateJob(id, { kept }));
  });

/** @type {(id: string, labels: string[]) => Promise<unknown>} */
export const setLabels = (id, labels) => attempt(async () => putJob(await annotateJob(id, { labels })));

/**
 * Hide jobs at once, and delete them in eight seconds unless undone.
 *
 * @param {readonly string[]} some
 */
export function remove(some) {
  setHidden(some, true);
  settle();
  const undo = () => {
    setHidden(some, false);
    settle();
  };
  showToast({ text: t.toast.deleted(some.length), undo }, async () => {
    for (let at = 0; at < some.length; at += MAX_IDS) await deleteNow(some.slice(at, at + MAX_IDS));
    settle();
  });
}

/** @param {readonly string[]} some at most `MAX_IDS` */
async function deleteNow(some) {
  const result = await attempt(() => deleteJobs(some));
  const refused = new Set(result ? result.refusals.map(({ id }) => id) : some);
  setHidden(some, false);
  some.filter((id) => !refused.has(id)).forEach(dropJob);
  if (result?.refusals.length) showToast({ text: result.refusals[0].detail, kind: "bad" });
}

/**
 * Save an image; the service names the file after the prompt and the seed.
 *
 * @param {Job} job
 * @param {number} index
 */
export async function download(job, index) {
  const made = await attempt(() => linkImage(job.id, index, { download: true }));
  if (!made) return;
  const link = document.createElement("a");
  link.href = made.url;
  link.download = "";
  // A store of another origin may show the image instead of saving it: not in the place of the page.
  if (link.origin !== location.origin) Object.assign(link, { target: "_blank", rel: "noopener" });
  link.click();
}

/** @param {Job} job */
export async function downloadAll(job) {
  for (const { index } of job.outputs) await download(job, index);
}
