import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyDraft } from "../../../api/renderq_api/page/files/state/draft.js";
import { draftForVisitors, modelForVisitors } from "../../../api/renderq_api/page/files/state/visitor-limits.js";
import { amountsFor, SHAPES, sidesFor } from "../../../api/renderq_api/page/files/state/sizes.js";

/** @type {any} */
const model = {
  name: "wide",
  tasks: ["txt2img", "img2img"],
  defaults: { width: 768, height: 512, steps: 20 },
  limits: { size_multiple: 8, max_side: 2048, max_pixels: 2048 * 2048, max_steps: 150 },
};
const limits = { open_jobs: 2, images: 2, jobs_per_day: 40 };
const NAMES = /** @type {import("../../../api/renderq_api/page/files/state/sizes.js").Shape[]} */ (Object.keys(SHAPES));

test("no size that is offered exceeds the model's own sides", () => {
  const bounded = modelForVisitors(model);
  for (const shape of NAMES) {
    for (const amount of amountsFor(bounded, shape)) {
      const [width, height] = sidesFor(bounded, shape, amount);
      assert.ok(width <= 768 && height <= 512, `${shape} ${amount}: ${width}×${height}`);
    }
  }
  assert.deepEqual(bounded.tasks, ["txt2img"]);
  assert.equal(bounded.limits.max_steps, 20);
});

test("a draft keeps what a visitor may ask for", () => {
  const draft = { ...emptyDraft(), prompt: "x", n: 1, settings: { wide: { steps: 10, width: 512, guidance_scale: 3 } } };
  assert.deepEqual(draftForVisitors(draft, [model], limits), draft);
});

test("a draft loses what exceeds the limits", () => {
  const draft = {
    ...emptyDraft(),
    n: 8,
    priority: 3,
    input: /** @type {any} */ ({ task: "img2img", image: "asset_1" }),
    output: /** @type {any} */ ({ format: "webp", resize: 4 }),
    settings: { wide: { steps: 21, width: 776, height: 520, guidance_scale: 3 } },
  };
  const bounded = draftForVisitors(draft, [model], limits);
  assert.deepEqual(bounded, { ...emptyDraft(), n: 2, output: { format: "webp" }, settings: { wide: { guidance_scale: 3 } } });
});
