import assert from "node:assert/strict";
import { test } from "node:test";

import { sweepFields, sweepSeconds, toAxis, toSweep, toTable } from "../../../api/renderq_api/page/files/state/sweep.js";

/** @type {any[]} */
const MODELS = [
  { name: "shapes", default: true, seconds_per_image: 2, defaults: { width: 64, height: 64, steps: 20 } },
  { name: "slow", default: false, seconds_per_image: 10, defaults: { width: 512, height: 512, steps: 20 } },
];

test("values are numbers where the field takes numbers", () => {
  assert.deepEqual(toAxis({ field: "steps", word: "", text: "5, 10,,x" }), { field: "steps", values: [5, 10, "x"] });
  assert.deepEqual(toAxis({ field: "prompt", word: " red ", text: "1, dark blue" }), {
    field: "prompt:red",
    values: ["1", "dark blue"],
  });
});

test("a sweep has one picture for each combination", () => {
  const drafts = [{ field: "seed", word: "", text: "1,2" }];
  assert.deepEqual(toSweep({ prompt: "x", n: 4 }, drafts), { request: { prompt: "x" }, axes: [{ field: "seed", values: [1, 2] }] });
});

test("only what the request and the service have can be varied", () => {
  assert.deepEqual(sweepFields({}, MODELS.slice(1)), ["prompt", "steps", "guidance_scale", "scheduler", "schedule", "seed"]);
  assert.deepEqual(sweepFields({ task: "img2img" }, MODELS).slice(-2), ["strength", "model"]);
});

test("time grows with pictures, steps and pixels", () => {
  const steps = { field: "steps", values: [10, 20, 40] };
  assert.equal(sweepSeconds({}, [steps], MODELS), 1 + 2 + 4);
  assert.equal(sweepSeconds({ width: 128 }, [steps, { field: "seed", values: [1, 2] }], MODELS), 28);
  assert.equal(sweepSeconds({}, [{ field: "model", values: ["shapes", "slow"] }], MODELS), 12);
  assert.equal(sweepSeconds({}, [{ field: "model", values: ["shapes", "unknown"] }], MODELS), null);
  assert.equal(sweepSeconds({}, [{ field: "seed", values: Array.from({ length: 1001 }, (_, seed) => seed) }], MODELS), null);
});

test("a table has a column for each value of the last axis", () => {
  const jobs = [5, 10].flatMap((steps) =>
    ["red", "blue"].map((word) => ({ id: `${steps}-${word}`, batch: { id: "b", index: 0, values: { steps, "prompt:red": word } } })),
  );
  assert.deepEqual(toTable(jobs.slice(1)), {
    columns: [
      { field: "prompt:red", value: "blue" },
      { field: "prompt:red", value: "red" },
    ],
    rows: [
      { heads: [{ field: "steps", value: "5" }], cells: ["5-blue", undefined] },
      { heads: [{ field: "steps", value: "10" }], cells: ["10-blue", "10-red"] },
    ],
  });
});
