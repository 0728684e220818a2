import assert from "node:assert/strict";
import { test } from "node:test";

import { amountsFor, describeSides, SHAPES, sidesFor } from "../../../api/renderq_api/page/files/state/sizes.js";

/** @type {(side: number, limits?: object) => any} */
const model = (side, limits) => ({
  defaults: { width: side, height: side },
  limits: { size_multiple: 8, max_side: 2048, max_pixels: 2048 * 2048, ...limits },
});

const MODELS = [
  model(64, { max_side: 128, max_pixels: 128 * 96 }),
  model(512),
  model(1024, { size_multiple: 64, max_pixels: 1024 * 1024 }),
  model(512, { max_side: 520 }),
  model(256, { size_multiple: 32, max_side: 512, max_pixels: 512 * 512 }),
];
const AMOUNTS = /** @type {const} */ (["s", "m", "l"]);
const NAMES = /** @type {import("../../../api/renderq_api/page/files/state/sizes.js").Shape[]} */ (Object.keys(SHAPES));

test("every size is one that its model accepts", () => {
  for (const one of MODELS) {
    for (const shape of NAMES) {
      for (const amount of AMOUNTS) {
        const [width, height] = sidesFor(one, shape, amount);
        const { size_multiple, max_side, max_pixels } = one.limits;
        assert.equal(width % size_multiple + height % size_multiple, 0);
        assert.ok(width >= size_multiple && height >= size_multiple);
        assert.ok(Math.max(width, height) <= max_side && width * height <= max_pixels, `${width}×${height}`);
      }
    }
  }
});

test("the medium square is the model's own size", () => {
  for (const one of MODELS) assert.deepEqual(sidesFor(one, "square", "m"), [one.defaults.width, one.defaults.height]);
});

test("portrait is landscape turned", () => {
  for (const one of MODELS) {
    for (const amount of AMOUNTS) {
      assert.deepEqual(sidesFor(one, "portrait", amount), sidesFor(one, "landscape", amount).reverse());
      assert.deepEqual(sidesFor(one, "tall", amount), sidesFor(one, "wide", amount).reverse());
    }
  }
});

test("sides are recognized, others have no name", () => {
  assert.deepEqual(describeSides(MODELS[1], ...sidesFor(MODELS[1], "wide", "l")), { shape: "wide", amount: "l" });
  assert.deepEqual(describeSides(MODELS[1], 512, 8), { shape: null, amount: null });
});

test("a size is offered only if it differs from the medium one", () => {
  assert.deepEqual(amountsFor(MODELS[1], "square"), ["s", "m", "l"]);
  assert.deepEqual(amountsFor(MODELS[2], "square"), ["s", "m"]);
});
