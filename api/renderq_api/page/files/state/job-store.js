/** All jobs that this tab knows: one signal each, so that a change of one job renders one card. */
import { batch, computed, signal } from "@preact/signals";

import { atPlace, byNewest, hasEnded, merge } from "./jobs.js";

/** @typedef {import("renderq").Job} Job */

/** @type {Map<string, import("@preact/signals").Signal<Job>>} */
const jobs = new Map();

/** Ids of all known jobs, newest first. */
export const ids = signal(/** @type {string[]} */ ([]));

/** Deleted jobs: news that were on their way do not bring them back. */
const gone = new Set();

/** Jobs that are hidden until their deletion is sent, or undone. */
export const hidden = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** Known jobs that are not hidden, newest first. */
export const visibleIds = computed(() => ids.value.filter((id) => !hidden.value.has(id)));

/** Creation of the oldest job that the feed has listed: older ones are known, but not shown before their neighbors. */
export const floor = signal("");

/** Jobs of the feed, newest first. */
export const listedIds = computed(() =>
  visibleIds.value.filter((id) => (jobSignal(id)?.peek().created_at ?? "") >= floor.value),
);

/** Jobs that have not ended, newest first. */
export const openJobs = computed(() =>
  visibleIds.value.map((id) => /** @type {Job} */ (jobSignal(id)?.value)).filter((job) => job && !hasEnded(job)),
);

/**
 * @param {string} id
 * @returns {import("@preact/signals").Signal<Job> | undefined}
 */
export const jobSignal = (id) => jobs.get(id);

/** @param {string} id */
export const jobNow = (id) => jobs.get(id)?.peek();

/**
 * Take news of a job.
 *
 * @param {Job} job
 */
export const putJob = (job) => putJobs([job]);

/** @param {readonly Job[]} news */
export function putJobs(news) {
  batch(() => {
    const added = [];
    for (const job of news) {
      const known = jobs.get(job.id);
      if (known) known.value = merge(known.peek(), job);
      else if (!gone.has(job.id)) {
        jobs.set(job.id, signal(job));
        added.push(job.id);
      }
    }
    if (added.length) ids.value = sorted([...ids.peek(), ...added]);
  });
}

/** @param {readonly import("renderq").QueuePlace[]} places */
export function putPlaces(places) {
  batch(() => {
    for (const place of places) {
      const known = jobs.get(place.id);
      if (known) known.value = atPlace(known.peek(), place);
    }
  });
}

/** @param {string} id */
export function dropJob(id) {
  gone.add(id);
  jobs.delete(id);
  ids.value = ids.peek().filter((other) => other !== id);
}

/**
 * @param {readonly string[]} some
 * @param {boolean} isHidden
 */
export function setHidden(some, isHidden) {
  const set = new Set(hidden.peek());
  for (const id of some) isHidden ? set.add(id) : set.delete(id);
  hidden.value = set;
}

/** Forget everything: another key signs in. */
export function dropAll() {
  jobs.clear();
  gone.clear();
  floor.value = "";
  ids.value = [];
}

/** @param {string[]} some */
function sorted(some) {
  const known = some.map((id) => /** @type {Job} */ (jobNow(id)));
  return known.sort(byNewest).map(({ id }) => id);
}
