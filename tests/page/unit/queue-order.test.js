import assert from "node:assert/strict";
import { test } from "node:test";

import { placeAt, placeBy } from "../../../api/renderq_api/page/files/state/queue-order.js";

const JOBS = ["a1", "b1", "a2", "a3", "b2"].map((id) => ({ id, model: id[0] }));

/** @type {[id: string, before: string | null, place: object | null][]} */
const DROPS = [
  ["a3", "a1", { to: "front" }],
  ["a3", "b1", { before: "a2" }],
  ["a1", null, { to: "back" }],
  ["a1", "b2", { to: "back" }],
  ["a1", "a3", { before: "a3" }],
  ["b2", "a1", { to: "front" }],
  ["a2", "a2", null],
  ["a2", "a3", null],
  ["a2", "b1", null],
  ["b2", null, null],
];

for (const [id, before, place] of DROPS) {
  test(`${id} is dropped before ${before ?? "nothing"}`, () => assert.deepEqual(placeAt(JOBS, id, before), place));
}

test("keys move a job one place among those of its model", () => {
  assert.deepEqual(placeBy(JOBS, "a2", -1), { to: "front" });
  assert.deepEqual(placeBy(JOBS, "a3", -1), { before: "a2" });
  assert.deepEqual(placeBy(JOBS, "a1", 1), { before: "a3" });
  assert.deepEqual(placeBy(JOBS, "a2", 1), { to: "back" });
  assert.equal(placeBy(JOBS, "a1", -1), null);
  assert.equal(placeBy(JOBS, "b2", 1), null);
});
