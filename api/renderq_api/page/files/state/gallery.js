/** The gallery's filters, which its address carries, and the pages of jobs that match them. */
import { computed, signal } from "@preact/signals";

import { listJobs } from "../api.js";
import { route } from "../router.js";
import { attempt } from "./attempt.js";
import { galleryQuery, isUnfiltered, readFilters } from "./filters.js";
import { jobNow, jobSignal, putJobs, visibleIds } from "./job-store.js";

/** @typedef {import("./filters.js").Filters} Filters */

const PAGE_JOBS = 40;

/** Pages without any picture that are read at once. */
const MAX_EMPTY_PAGES = 5;

export const filters = computed(() => readFilters(route.value.query));

/** What was read, for the filters in `key`. */
const found = signal({ key: "", ids: /** @type {string[]} */ ([]), cursor: /** @type {string | null} */ (null), isComplete: true });

export const isReading = signal(false);

/** Jobs to show, newest first. Without filters, jobs that end meanwhile are added. */
export const galleryIds = computed(() => {
  const visible = new Set(visibleIds.value);
  const listed = found.value.ids.filter((id) => visible.has(id));
  if (!isUnfiltered(filters.value)) return listed;
  const newest = jobNow(found.value.ids[0])?.created_at ?? "";
  const known = new Set(listed);
  const newer = visibleIds.value.filter((id) => {
    const job = jobSignal(id)?.value;
    return job && job.outputs.length > 0 && job.created_at > newest && !known.has(id);
  });
  return [...newer, ...listed];
});

export const hasMore = computed(() => found.value.cursor !== null);

/** False if the history did not answer, so that older jobs are missing. */
export const isComplete = computed(() => found.value.isComplete);

/** Read the first page for the present filters. */
export async function readGallery() {
  const key = galleryQuery(filters.peek()).toString();
  found.value = { ...found.peek(), key, cursor: null };
  await readPages(key, null, []);
}

/** Read the next page. */
export async function readMore() {
  const { key, cursor, ids } = found.peek();
  if (isReading.peek() || cursor === null) return;
  await readPages(key, cursor, ids);
}

/**
 * @param {string} key
 * @param {string | null} cursor
 * @param {string[]} before ids of the pages before
 */
async function readPages(key, cursor, before) {
  isReading.value = true;
  let ids = before;
  for (let page = 0; page < MAX_EMPTY_PAGES && ids.length === before.length; page++) {
    const query = new URLSearchParams(key);
    query.set("limit", String(PAGE_JOBS));
    if (cursor) query.set("cursor", cursor);
    const answer = await attempt(() => listJobs(query));
    if (!answer || found.peek().key !== key) break;
    putJobs(answer.data);
    ids = [...ids, ...answer.data.filter(({ outputs }) => outputs.length).map(({ id }) => id)];
    cursor = answer.next_cursor;
    found.value = { key, ids, cursor, isComplete: !answer.warnings?.length };
    if (cursor === null) break;
  }
  if (found.peek().key === key) isReading.value = false;
}
