import assert from "node:assert/strict";
import { test } from "node:test";

import { comparedWith, pinned, startOf } from "../../../api/renderq_api/page/files/state/compare.js";

test("a picture is compared with the one that it started from, of an edit with the first one", () => {
  assert.equal(comparedWith({ request: { image: "asset_1" } }), "asset_1");
  assert.equal(comparedWith({ request: { images: ["asset_1", "job_1/2"] } }), "asset_1");
  assert.equal(startOf({ request: { prompt: "a fox" } }), null);
});

test("a pinned picture comes first", () => {
  pinned.value = "job_1/0";
  assert.equal(comparedWith({ request: { images: ["asset_1"] } }), "job_1/0");
  pinned.value = null;
});
