/** The sweep that is written, and the one whose table is shown. */
import { signal } from "@preact/signals";

import { listJobs, MAX_PAGE_JOBS, newIdempotencyKey, submitBatch } from "../api.js";
import { ApiError } from "../problem.js";
import { attempt } from "./attempt.js";
import { request } from "./draft-store.js";
import { settle } from "./feed.js";
import { putJobs } from "./job-store.js";
import { storedSignal } from "./storage.js";
import { sending } from "./submission.js";
import { emptyAxis, toSweep, toTable } from "./sweep.js";

export const isSweeping = signal(false);

export const axes = storedSignal("sweep", [emptyAxis()]);

/** Why the sweep was refused. */
export const sweepRefusal = signal(/** @type {ApiError | null} */ (null));

/** The table that is shown. */
export const table = signal(/** @type {import("./sweep.js").Table | null} */ (null));

/**
 * Change an axis.
 *
 * @param {number} index
 * @param {Partial<import("./sweep.js").AxisDraft>} change
 */
export function changeAxis(index, change) {
  sweepRefusal.value = null;
  axes.value = axes.peek().map((axis, at) => (at === index ? { ...axis, ...change } : axis));
}

/** Submit the sweep of the draft, and show its table. */
export async function submitSweep() {
  sending.value++;
  try {
    const batch = await submitBatch(toSweep(request.peek(), axes.peek()), newIdempotencyKey());
    sweepRefusal.value = null;
    isSweeping.value = false;
    await showTable(batch.id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) sweepRefusal.value = error;
  } finally {
    sending.value--;
  }
}

/**
 * Read the jobs of a batch, and show their table.
 *
 * @param {string} batch its id
 */
export const showTable = (batch) =>
  attempt(async () => {
    const jobs = [];
    /** @type {string | null} */
    let cursor = "";
    while (cursor !== null) {
      const page = /** @type {import("renderq").JobList} */ (
        await listJobs({ batch, limit: String(MAX_PAGE_JOBS), ...(cursor ? { cursor } : {}) })
      );
      jobs.push(...page.data);
      cursor = page.next_cursor;
    }
    putJobs(jobs);
    settle();
    table.value = toTable(jobs);
  });
