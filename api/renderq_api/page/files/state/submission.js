/**
 * Submission of requests. A refused one is explained at its fields; one that exceeds the rate is sent again by itself.
 */
import { batch, computed, signal } from "@preact/signals";

import { newIdempotencyKey, submitJob } from "../api.js";
import { ApiError, fieldErrors } from "../problem.js";
import { request } from "./draft-store.js";
import { settle } from "./feed.js";
import { putJob } from "./job-store.js";
import { t } from "../words/index.js";

/** Submissions on their way. */
export const sending = signal(0);

/** Why the last submission was refused; `body` is the draft's request, or null of another. */
export const refusal = signal(/** @type {{ error: ApiError, body: Record<string, unknown> | null } | null} */ (null));

/** Messages of the refusal by field of the draft, as long as it says what was refused. */
export const refusedFields = computed(() => {
  const { error, body } = refusal.value ?? {};
  if (!error || !body) return {};
  const messages = Object.entries(fieldErrors(error.problem));
  return Object.fromEntries(messages.filter(([field]) => saysTheSame(body, request.value, field)));
});

/** When a submission is repeated, in milliseconds since 1970. */
export const resendAt = signal(/** @type {number | null} */ (null));

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Submit a request, the draft's by default. Returns the job, or null if it was refused.
 *
 * @param {Record<string, unknown>} [body]
 * @returns {Promise<import("renderq").Job | null>}
 */
export const submit = (body) => send(body ?? request.peek(), newIdempotencyKey(), !body);

/**
 * @param {Record<string, unknown>} body
 * @param {string} idempotencyKey
 * @param {boolean} isDraft
 * @returns {Promise<import("renderq").Job | null>}
 */
async function send(body, idempotencyKey, isDraft) {
  cancelResend();
  sending.value++;
  try {
    const job = await submitJob(body, idempotencyKey);
    batch(() => {
      putJob(job);
      refusal.value = null;
      sending.value--;
    });
    settle();
    return job;
  } catch (error) {
    sending.value--;
    if (!(error instanceof ApiError)) throw error;
    refusal.value = error.status === 401 ? null : { error, body: isDraft ? body : null };
    if (error.code === "rate_limited" || error.code === "demo_full") {
      const seconds = error.retryAfter ?? 1;
      resendAt.value = Date.now() + seconds * 1000;
      timer = setTimeout(() => void send(body, idempotencyKey, isDraft), seconds * 1000);
    }
    return null;
  }
}

/**
 * Say when the submission is repeated.
 *
 * @param {number} seconds until then
 */
export const resendSentence = (seconds) =>
  refusal.value?.error.code === "demo_full" ? t.composer.full(seconds) : t.composer.resend(seconds);

/** Give up repeating a submission. */
export function cancelResend() {
  clearTimeout(timer);
  resendAt.value = null;
}

/** Fields that are refused together. @type {Record<string, readonly string[]>} */
const TOGETHER = { width: ["width", "height"], height: ["width", "height"] };

/**
 * @param {Record<string, unknown>} one
 * @param {Record<string, unknown>} other
 * @param {string} path of a field: `output.quality`
 */
function saysTheSame(one, other, path) {
  const [field] = path.split(".");
  return (TOGETHER[field] ?? [field]).every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}
