import assert from "node:assert/strict";
import { test } from "node:test";

import de from "../../../api/renderq_api/page/files/words/de.js";
import en from "../../../api/renderq_api/page/files/words/en.js";
import { createFormats } from "../../../api/renderq_api/page/files/words/format.js";
import { seldomMore, statusSentence } from "../../../api/renderq_api/page/files/words/status.js";

const f = createFormats("en");

/** @type {(fields: object) => any} */
const job = (fields) => ({
  status: "queued",
  model: "sd15",
  queue_position: null,
  eta_seconds: null,
  wait_reason: "queued",
  stage: null,
  progress: { value: 0 },
  ...fields,
});

const RUNNING = { status: "running", stage: "denoising", progress: { value: 0.45 }, wait_reason: null };
const ETA = { p50: 20.4, p90: 110 };

/** @type {[object, string][]} */
const SENTENCES = [
  [{ queue_position: 0, eta_seconds: ETA }, "Next in line · about 20 sec"],
  [{ queue_position: 3, eta_seconds: { p50: 62, p90: 90 } }, "3 jobs before it · about 1 min"],
  [{ queue_position: 1 }, "1 job before it"],
  [{}, "Waiting"],
  [{ wait_reason: "paused" }, "Paused by the operator; it keeps its place"],
  [
    { wait_reason: "no_worker_for_model", queue_position: 0 },
    "No worker serves sd15 yet. It starts by itself as soon as one does.",
  ],
  [{ ...RUNNING, stage: "loading_model" }, "Loading the model (the first picture takes longer)"],
  [{ ...RUNNING, eta_seconds: { p50: 11.7, p90: 20 } }, "Drawing · 45% · about 10 sec left"],
  [RUNNING, "Drawing · 45%"],
  [{ ...RUNNING, stage: "uploading" }, "Finishing"],
  [{ status: "canceling" }, "Stopping after this step"],
  [{ status: "failed", error: { message: "The device has not enough memory." } }, "The device has not enough memory."],
  [{ status: "succeeded" }, ""],
];

for (const [fields, sentence] of SENTENCES) {
  test(`a job is described: ${sentence || "nothing to say"}`, () => assert.equal(statusSentence(job(fields), en, f), sentence));
}

test("the estimate's upper end is a tooltip", () => {
  assert.equal(seldomMore(job({ eta_seconds: ETA }), en, f), "Seldom more than 2 min");
  assert.equal(seldomMore(job({}), en, f), "");
});

test("durations are as exact as an estimate can be", () => {
  const texts = [0.2, 4.4, 9.4, 12, 58, 150, 3600, 7 * 86_400].map(f.duration);
  assert.deepEqual(texts, ["1 sec", "4 sec", "9 sec", "10 sec", "1 min", "3 min", "1 hr", "7 days"]);
});

/** @type {(value: any, path?: string) => string[]} */
const keys = (value, path = "") =>
  value !== null && typeof value === "object" ? Object.keys(value).flatMap((key) => keys(value[key], `${path}.${key}`)) : [path];

test("both languages say the same things", () => {
  assert.deepEqual(keys(de).sort(), keys(en).sort());
});
