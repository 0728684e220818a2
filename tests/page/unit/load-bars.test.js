import assert from "node:assert/strict";
import { test } from "node:test";

import { BARS, loadBars } from "../../../api/renderq_api/page/files/state/load-bars.js";

const NOW = Date.parse("2026-11-29T10:07:00Z");

/** @type {(at: string, queued: number, running: number, ended: number[]) => import("../../../api/renderq_api/page/files/state/load-bars.js").Minute} */
const minute = (at, queued_jobs, running_jobs, [succeeded_jobs, failed_jobs, canceled_jobs, expired_jobs]) => ({
  started_at: `2026-11-${at}:00Z`,
  queued_jobs,
  running_jobs,
  succeeded_jobs,
  failed_jobs,
  canceled_jobs,
  expired_jobs,
});

test("a bar has the peaks and the sums of its quarter of an hour", () => {
  const bars = loadBars(
    [minute("29T09:59", 9, 9, [9, 9, 9, 9]), minute("29T10:00", 4, 1, [2, 0, 3, 0]), minute("29T10:06", 3, 2, [5, 1, 1, 1])],
    NOW,
  );
  assert.equal(bars.length, BARS);
  const ended = { succeeded: 7, failed: 1, canceled: 4, expired: 1 };
  assert.deepEqual(bars.at(-1), { start: Date.parse("2026-11-29T10:00:00Z"), queued: 4, running: 2, ...ended });
  assert.equal(bars.at(-2)?.succeeded, 9);
});

test("the first bar is that of a day ago, and older minutes are in none", () => {
  const bars = loadBars([minute("28T10:14", 1, 1, [1, 1, 1, 1]), minute("28T10:15", 2, 0, [0, 0, 0, 0])], NOW);
  const ended = { succeeded: 0, failed: 0, canceled: 0, expired: 0 };
  assert.deepEqual(bars[0], { start: Date.parse("2026-11-28T10:15:00Z"), queued: 2, running: 0, ...ended });
  assert.equal(bars.reduce((sum, bar) => sum + bar.failed, 0), 0);
});
