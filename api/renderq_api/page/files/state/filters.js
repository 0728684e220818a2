/**
 * Filters of the gallery. Pure.
 *
 * @typedef {"day" | "week" | "month"} Age
 * @typedef {{ q: string, kept: boolean, model: string, task: string, label: string, age: Age | "" }} Filters
 */

const DAY_MS = 86_400_000;

/** @type {Record<Age, number>} */
const AGES = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS };

/**
 * @param {URLSearchParams} query of the page's address
 * @returns {Filters}
 */
export function readFilters(query) {
  const get = (/** @type {string} */ name) => query.get(name) ?? "";
  const age = get("age");
  return {
    q: get("q"),
    kept: get("kept") === "true",
    model: get("model"),
    task: get("task"),
    label: get("label"),
    age: Object.hasOwn(AGES, age) ? /** @type {Age} */ (age) : "",
  };
}

/**
 * Return the query of the page's address.
 *
 * @param {Filters} filters
 */
export function filtersAddress(filters) {
  const entries = Object.entries(filters).filter(([, value]) => value);
  const query = new URLSearchParams(entries.map(([name, value]) => [name, String(value)]));
  return entries.length ? `?${query}` : "";
}

/**
 * Return the query of `GET /v1/jobs`.
 *
 * @param {Filters} filters
 * @param {number} [now] milliseconds since 1970
 */
export function galleryQuery({ q, kept, model, task, label, age }, now = Date.now()) {
  const query = new URLSearchParams();
  if (q.trim()) query.set("q", q.trim());
  if (kept) query.set("kept", "true");
  if (model) query.set("model", model);
  if (task) query.set("task", task);
  if (label) query.set("label", label);
  if (age) query.set("created_after", new Date(now - AGES[age]).toISOString());
  return query;
}

/** @param {Filters} filters */
export const isUnfiltered = (filters) => !Object.values(filters).some(Boolean);

/**
 * Group jobs by the day of their creation, in the reader's time zone.
 *
 * @template {{ created_at: string }} T
 * @param {readonly T[]} jobs newest first
 * @returns {{ day: string, jobs: T[] }[]} `day`: any moment of it
 */
export function byDay(jobs) {
  /** @type {{ day: string, jobs: T[] }[]} */
  const days = [];
  const name = (/** @type {string} */ moment) => new Date(moment).toDateString();
  for (const job of jobs) {
    const last = days.at(-1);
    if (last && name(last.day) === name(job.created_at)) last.jobs.push(job);
    else days.push({ day: job.created_at, jobs: [job] });
  }
  return days;
}
