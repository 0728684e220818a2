/** Bars of a day's load. Pure. */

/**
 * @typedef {import("renderq").LoadMinute} Minute
 * @typedef {"queued" | "running"} Open
 * @typedef {"succeeded" | "failed" | "canceled" | "expired"} Ended
 * @typedef {Record<Open | Ended, number> & { start: number }} Bar
 */

export const BARS = 96;
const BAR_MS = 15 * 60_000;

/** Statuses of which a bar has the peak, in the order in which they are stacked. @type {readonly Open[]} */
export const OPEN = ["running", "queued"];

/** Statuses of which a bar has the sum. @type {readonly Ended[]} */
export const ENDED = ["succeeded", "failed", "canceled", "expired"];

/**
 * Bars of a quarter of an hour each, the oldest first; the last one is the present quarter. `start` and `now` are
 * milliseconds since 1970.
 *
 * @param {readonly Minute[]} minutes
 * @param {number} now
 * @returns {Bar[]}
 */
export function loadBars(minutes, now) {
  const first = (Math.floor(now / BAR_MS) - BARS + 1) * BAR_MS;
  const bars = Array.from({ length: BARS }, (_, index) => ({
    start: first + index * BAR_MS,
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    canceled: 0,
    expired: 0,
  }));
  for (const minute of minutes) {
    const bar = bars[Math.floor((Date.parse(minute.started_at) - first) / BAR_MS)];
    if (!bar) continue;
    for (const status of OPEN) bar[status] = Math.max(bar[status], minute[`${status}_jobs`]);
    for (const status of ENDED) bar[status] += minute[`${status}_jobs`];
  }
  return bars;
}
