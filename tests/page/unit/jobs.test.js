import assert from "node:assert/strict";
import { test } from "node:test";

import { atPlace, byPlace, feedItems, merge, previewedJobs, sidesOf } from "../../../api/renderq_api/page/files/state/jobs.js";

/** @param {Record<string, unknown>} [fields] @returns {any} */
const job = (fields) => ({
  id: "job_1",
  status: "queued",
  version: 1,
  created_at: "2026-11-29T10:00:00.000Z",
  queue_position: null,
  eta_seconds: null,
  wait_reason: null,
  ...fields,
});

const PLACE = { queue_position: 3, eta_seconds: { p50: 60, p90: 90 }, wait_reason: "queued" };

test("an older version never replaces a newer one", () => {
  const known = job({ version: 5, status: "running" });
  assert.equal(merge(known, job({ version: 4 })), known);
});

test("a list never overwrites place and estimate of a queued job", () => {
  const merged = merge(job(PLACE), job({ version: 2 }));
  assert.deepEqual({ ...merged, version: 1 }, job(PLACE));
});

test("a list never overwrites the estimate of a running job, and its reason for waiting ends", () => {
  const known = job({ status: "running", eta_seconds: PLACE.eta_seconds, wait_reason: "loading_model" });
  const merged = merge(known, job({ status: "running", version: 2 }));
  assert.deepEqual([merged.eta_seconds, merged.wait_reason], [PLACE.eta_seconds, null]);
});

test("a job that starts leaves its place behind", () => {
  const merged = merge(job(PLACE), job({ status: "running", version: 2 }));
  assert.deepEqual([merged.queue_position, merged.wait_reason, merged.eta_seconds], [null, null, null]);
});

test("a place reaches queued jobs only", () => {
  const place = { id: "job_1", ...PLACE, wait_reason: /** @type {const} */ ("queued") };
  assert.equal(atPlace(job(), place).queue_position, 3);
  const running = job({ status: "running" });
  assert.equal(atPlace(running, place), running);
});

test("up to three waiting jobs have a card each", () => {
  const jobs = [1, 2, 3].map((n) => job({ id: `job_${n}` }));
  assert.deepEqual(feedItems(jobs).map(({ kind }) => kind), ["job", "job", "job"]);
});

test("more waiting jobs share one item, at the place of the newest", () => {
  const statuses = ["succeeded", "queued", "running", "queued", "queued", "queued"];
  const jobs = statuses.map((status, n) => job({ id: `job_${n}`, status }));
  assert.deepEqual(feedItems(jobs), [
    { kind: "job", id: "job_0" },
    { kind: "waiting", id: "waiting", ids: ["job_1", "job_3", "job_4", "job_5"] },
    { kind: "job", id: "job_2" },
  ]);
});

test("previews are asked for running jobs first, then for the oldest", () => {
  const jobs = [
    job({ id: "c", created_at: "2026-11-29T10:00:03Z" }),
    job({ id: "b", created_at: "2026-11-29T10:00:02Z" }),
    job({ id: "r", created_at: "2026-11-29T10:00:09Z", status: "running" }),
    job({ id: "x", created_at: "2026-11-29T10:00:01Z", status: "succeeded" }),
  ];
  assert.deepEqual(previewedJobs(jobs, 2), ["b", "r"]);
});

test("queued jobs are ordered by place, unknown places last and oldest first", () => {
  const jobs = [
    job({ id: "new", created_at: "2026-11-29T10:00:02Z" }),
    job({ id: "old" }),
    job({ id: "second", queue_position: 1 }),
    job({ id: "first", queue_position: 0 }),
  ];
  assert.deepEqual(jobs.sort(byPlace).map(({ id }) => id), ["first", "second", "old", "new"]);
});

test("the sides of images are known before any is finished", () => {
  const request = { width: 64, height: 48, extend: { left: 8, right: 0, top: 16, bottom: 8 } };
  const sides = ["txt2img", "upscale", "outpaint"].map((task) => sidesOf({ task, request }));
  assert.deepEqual(sides, [[64, 48], [256, 192], [72, 72]]);
  assert.deepEqual(sidesOf({ task: "txt2img", request: { ...request, output: { resize: 2 } } }), [128, 96]);
});
