/** Jobs of the feed, a page at a time. */
import { signal } from "@preact/signals";

import { listJobs, MAX_PAGE_JOBS } from "../api.js";
import { attempt } from "./attempt.js";
import { floor, putJobs } from "./job-store.js";

/** Jobs per page of a list. */
const PAGE_JOBS = 40;

/** Cursor of the next page; undefined before the first one was read. */
let cursor = /** @type {string | null | undefined} */ (undefined);
let isReading = false;

/** Whether there may be older jobs. */
export const hasOlder = signal(false);

/** Read the newest jobs. Throws `ApiError`. */
export async function readNewest() {
  const page = await listJobs({ limit: String(PAGE_JOBS) });
  if (cursor === undefined) takePage(page);
  else putJobs(page.data);
}

/** Read the page behind those that were read. */
export async function readOlder() {
  if (isReading || !cursor) return;
  isReading = true;
  const next = cursor;
  const page = await attempt(() => listJobs({ limit: String(PAGE_JOBS), cursor: next }));
  isReading = false;
  if (page) takePage(page);
}

/** Read the jobs that run or wait: older ones than the feed has listed may be among them. */
export async function readOpen() {
  const lists = ["queued", "running"].map((status) => listJobs({ status, limit: String(MAX_PAGE_JOBS) }));
  const pages = await attempt(() => Promise.all(lists));
  pages?.forEach(({ data }) => putJobs(data));
}

/** @param {import("renderq").JobList} page */
function takePage(page) {
  cursor = page.next_cursor;
  hasOlder.value = cursor !== null;
  floor.value = cursor === null ? "" : (page.data.at(-1)?.created_at ?? floor.peek());
  putJobs(page.data);
}
