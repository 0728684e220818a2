import assert from "node:assert/strict";
import { test } from "node:test";

import { placeOf } from "../../../api/renderq_api/page/files/state/compare.js";
import { extendedSides, NO_EXTENSION, viewOf, withEdge } from "../../../api/renderq_api/page/files/state/extension.js";

test("an edge moves in steps of the model, never inwards", () => {
  assert.deepEqual(withEdge(NO_EXTENSION, "left", 13, 8), { ...NO_EXTENSION, left: 16 });
  assert.deepEqual(withEdge(NO_EXTENSION, "left", 50, 32), { ...NO_EXTENSION, left: 64 });
  assert.deepEqual(withEdge(NO_EXTENSION, "top", -30, 8), NO_EXTENSION);
  assert.deepEqual(withEdge(NO_EXTENSION, "top", NaN, 8), NO_EXTENSION);
});

test("the editor shows the extended picture with the same room on every side", () => {
  const sides = { width: 64, height: 32 };
  const extend = { left: 16, right: 8, top: 0, bottom: 24 };
  const view = viewOf(sides, extend);
  const after = extendedSides(sides, extend);
  assert.deepEqual(after, { width: 88, height: 56 });
  const [left, top] = [view.left - extend.left, view.top - extend.top];
  const rooms = [left, view.width - left - after.width, top, view.height - top - after.height];
  assert.deepEqual(rooms.map((room) => room.toFixed(6)), Array(4).fill("19.200000"));
});

test("a picture lies where its extension left it", () => {
  const request = { image: "asset_1", width: 64, height: 64, extend: { ...NO_EXTENSION, left: 64 } };
  assert.deepEqual(placeOf({ task: "outpaint", request }, "asset_1"), { left: "50%", top: "0%", width: "50%", height: "100%" });
  assert.deepEqual(placeOf({ task: "outpaint", request }, "job_1/0"), {});
  assert.deepEqual(placeOf({ task: "img2img", request }, "asset_1"), {});
});
