/**
 * Jobs by version, and their order. Pure.
 *
 * @typedef {import("renderq").Job} Job
 * @typedef {{ kind: "job", id: string } | { kind: "waiting", id: string, ids: string[] }} FeedItem
 */
import { extendedSides } from "./extension.js";

const ENDED = new Set(["succeeded", "failed", "canceled", "expired"]);

/** Waiting jobs up to this number have a card each; more share one. */
const MAX_WAITING_CARDS = 3;

/** @param {Pick<Job, "status">} job */
export const hasEnded = (job) => ENDED.has(job.status);

/** @param {Pick<Job, "status">} job */
export const isWaiting = (job) => job.status === "queued";

/**
 * Return the newer of two states of a job. Lists and events do not report its place in the queue, and lists no
 * estimate: what they leave open never overwrites what is known.
 *
 * @param {Job | undefined} known
 * @param {Job} incoming
 * @returns {Job}
 */
export function merge(known, incoming) {
  if (!known) return incoming;
  if (incoming.version < known.version) return known;
  if (incoming.status !== known.status || hasEnded(incoming)) return incoming;
  const eta_seconds = incoming.eta_seconds ?? known.eta_seconds;
  if (!isWaiting(incoming)) return { ...incoming, eta_seconds };
  return {
    ...incoming,
    eta_seconds,
    queue_position: incoming.queue_position ?? known.queue_position,
    wait_reason: incoming.wait_reason ?? known.wait_reason,
  };
}

/**
 * Return a job at its new place in the queue.
 *
 * @param {Job} job
 * @param {import("renderq").QueuePlace} place
 * @returns {Job}
 */
export function atPlace(job, { queue_position, eta_seconds, wait_reason }) {
  return isWaiting(job) ? { ...job, queue_position, eta_seconds, wait_reason } : job;
}

/**
 * Compare by creation, newest first.
 *
 * @param {Pick<Job, "id" | "created_at">} a
 * @param {Pick<Job, "id" | "created_at">} b
 */
export function byNewest(a, b) {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

/**
 * Compare queued jobs by their place, unknown places last.
 *
 * @param {Job} a
 * @param {Job} b
 */
export function byPlace(a, b) {
  const first = a.queue_position ?? Infinity;
  const second = b.queue_position ?? Infinity;
  return first === second ? -byNewest(a, b) : first - second;
}

/**
 * Return the items of the feed, newest first: more than `MAX_WAITING_CARDS` waiting jobs are one item, at the place of
 * the newest of them.
 *
 * @param {readonly Pick<Job, "id" | "status">[]} jobs newest first
 * @returns {FeedItem[]}
 */
export function feedItems(jobs) {
  const waiting = jobs.filter(isWaiting).map(({ id }) => id);
  if (waiting.length <= MAX_WAITING_CARDS) return jobs.map(({ id }) => ({ kind: "job", id }));
  /** @type {FeedItem[]} */
  const items = [];
  for (const job of jobs) {
    if (!isWaiting(job)) items.push({ kind: "job", id: job.id });
    else if (job.id === waiting[0]) items.push({ kind: "waiting", id: "waiting", ids: waiting });
  }
  return items;
}

/**
 * Return the jobs whose previews are worth asking for: those in view that have not ended, running ones first, then by
 * age.
 *
 * @param {readonly Job[]} inView
 * @param {number} limit
 * @returns {string[]} ids, sorted
 */
export function previewedJobs(inView, limit) {
  return inView
    .filter((job) => !hasEnded(job))
    .sort((a, b) => Number(isWaiting(a)) - Number(isWaiting(b)) || -byNewest(a, b))
    .slice(0, limit)
    .map(({ id }) => id)
    .sort();
}

/**
 * Return width and height of a job's images, known from its request before any is finished.
 *
 * @param {Pick<Job, "request" | "task">} job
 * @returns {[number, number]}
 */
export function sidesOf({ request, task }) {
  const { width, height, extend, output } = /** @type {Record<string, any>} */ (request);
  const factor = (task === "upscale" ? 4 : 1) * (output?.resize ?? 1);
  const sides = extendedSides({ width, height }, (task === "outpaint" && extend) || {});
  return [factor * sides.width, factor * sides.height];
}
