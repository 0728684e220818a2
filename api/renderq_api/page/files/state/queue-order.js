/**
 * New places of queued jobs. A job moves among those of its own model. Pure.
 *
 * @typedef {import("renderq").Job} Job
 * @typedef {{ to: "front" | "back" } | { before: string }} Place
 */

/**
 * Return the place of a job that is dropped before another one, null where nothing changes.
 *
 * @param {readonly Pick<Job, "id" | "model">[]} jobs in their order
 * @param {string} id
 * @param {string | null} beforeId null: behind the last
 * @returns {Place | null}
 */
export function placeAt(jobs, id, beforeId) {
  const model = jobs.find((job) => job.id === id)?.model;
  const mine = jobs.filter((job) => job.model === model);
  const from = mine.findIndex((job) => job.id === id);
  const start = beforeId === null ? jobs.length : jobs.findIndex((job) => job.id === beforeId);
  const next = jobs.slice(start).find((job) => job.model === model);
  const to = next ? mine.indexOf(next) : mine.length;
  if (to === from || to === from + 1) return null;
  if (to === 0) return { to: "front" };
  return next ? { before: next.id } : { to: "back" };
}

/**
 * Return the place of a job that moves one place up (−1) or down (1), null at the ends.
 *
 * @param {readonly Pick<Job, "id" | "model">[]} jobs in their order
 * @param {string} id
 * @param {1 | -1} step
 * @returns {Place | null}
 */
export function placeBy(jobs, id, step) {
  const model = jobs.find((job) => job.id === id)?.model;
  const mine = jobs.filter((job) => job.model === model);
  const to = mine.findIndex((job) => job.id === id) + step;
  if (to < 0 || to >= mine.length) return null;
  if (to === 0) return { to: "front" };
  const before = mine[step > 0 ? to + 1 : to];
  return before ? { before: before.id } : { to: "back" };
}
