/** Bars of a day's load. Pure. */

/**
 * @typedef {Pick<import("renderq").LoadMinute, "started_at" | "queued_jobs" | "running_jobs" | "succeeded_jobs" | "failed_jobs">} Minute
 * @typedef {{ start: number, queued: number, running: number, succeeded: number, failed: number }} Bar
 */

export const BARS = 96;
export const BAR_MS = 15 * 60_000;

/**
 * Bars of a quarter of an hour each, the oldest first; the last one is the present quarter. Queued and running are peaks,
 * succeeded and failed are sums. `start` and `now` are milliseconds since 1970.
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
  }));
  for (const minute of minutes) {
    const bar = bars[Math.floor((Date.parse(minute.started_at) - first) / BAR_MS)];
    if (!bar) continue;
    bar.queued = Math.max(bar.queued, minute.queued_jobs);
    bar.running = Math.max(bar.running, minute.running_jobs);
    bar.succeeded += minute.succeeded_jobs;
    bar.failed += minute.failed_jobs;
  }
  return bars;
}
