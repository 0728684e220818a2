import assert from "node:assert/strict";
import { test } from "node:test";

import {
  changedFields,
  draftOf,
  emptyDraft,
  modelOf,
  restoreDraft,
  toRequest,
  withSettings,
} from "../../../api/renderq_api/page/files/state/draft.js";

/** @type {any} */
const MODEL = {
  name: "shapes",
  default: true,
  supports_negative_prompt: true,
  defaults: { width: 64, height: 64, steps: 20, guidance_scale: 2, guidance_rescale: 0, clip_skip: 0, scheduler: null, schedule: null },
};

const OTHER = { ...MODEL, name: "sd15", default: false };

const RESOLVED = {
  task: "txt2img",
  model: "shapes",
  prompt: "a circle",
  negative_prompt: "",
  width: 64,
  height: 64,
  steps: 20,
  guidance_scale: 2,
  guidance_rescale: 0,
  clip_skip: 0,
  scheduler: null,
  schedule: null,
  n: 1,
  seed: 7,
  output: { format: "png", quality: 90, embed_recipe: true, grid: false, resize: 1, watermark: null },
  priority: 0,
  deadline_seconds: null,
  webhook: null,
  metadata: {},
};

test("a request says only what differs from the defaults", () => {
  assert.deepEqual(toRequest({ ...emptyDraft(), prompt: " a circle " }, MODEL), { prompt: "a circle" });
});

test("LoRAs belong to their model, and a job's are used again without their revision", () => {
  const loras = [{ name: "ink", weight: 0.8 }];
  const draft = withSettings({ ...emptyDraft(), prompt: "x" }, MODEL, { loras });
  assert.deepEqual(toRequest(draft, MODEL), { prompt: "x", loras });
  assert.deepEqual(toRequest(draft, OTHER), { model: "sd15", prompt: "x" });
  assert.deepEqual(toRequest(withSettings(draft, MODEL, { loras: undefined }), MODEL), { prompt: "x" });
  const resolved = [
    { name: "ink", weight: 0.8, text_encoder_weight: 0.8, revision: "abc" },
    { name: "oil", weight: 1, text_encoder_weight: 0, revision: "def" },
  ];
  const job = { task: "txt2img", model: "shapes", request: { ...RESOLVED, loras: resolved } };
  const expected = [loras[0], { name: "oil", weight: 1, text_encoder_weight: 0 }];
  assert.deepEqual(toRequest(draftOf(job, MODEL), MODEL), { prompt: "a circle", loras: expected });
  const plain = { ...job, request: { ...RESOLVED, loras: [] } };
  assert.deepEqual(toRequest(draftOf(plain, MODEL), MODEL), { prompt: "a circle" });
});

test("a setting that returns to its default is dropped", () => {
  const changed = withSettings({ ...emptyDraft(), prompt: "x" }, MODEL, { steps: 30 });
  assert.deepEqual(toRequest(changed, MODEL), { prompt: "x", steps: 30 });
  assert.deepEqual(toRequest(withSettings(changed, MODEL, { steps: 20 }), MODEL), { prompt: "x" });
});

test("the default schedule is that of the default scheduler alone", () => {
  const model = { ...MODEL, defaults: { ...MODEL.defaults, scheduler: "euler", schedule: "karras" } };
  const jobOf = (/** @type {object} */ fields) => ({ task: "txt2img", model: "shapes", request: { ...RESOLVED, ...fields } });
  const again = (/** @type {object} */ fields) => toRequest(draftOf(jobOf(fields), model), model);
  const prompt = "a circle";
  assert.deepEqual(again({ scheduler: "euler", schedule: "karras" }), { prompt, scheduler: "euler", schedule: "karras" });
  assert.deepEqual(again({ scheduler: "euler", schedule: null }), { prompt, scheduler: "euler" });
  assert.deepEqual(again({ scheduler: "ddim", schedule: "trailing" }), { prompt, scheduler: "ddim", schedule: "trailing" });
  assert.deepEqual(toRequest(withSettings({ ...emptyDraft(), prompt }, model, { schedule: "karras" }), model), { prompt });
  assert.deepEqual(toRequest(withSettings({ ...emptyDraft(), prompt }, model, { schedule: "beta" }), model), { prompt, schedule: "beta" });
});

test("what is sent has the style, and gives the plain words back", () => {
  const styles = [{ name: "photo", title: "", prompt: "a photo of {prompt}", negative_prompt: "drawing" }];
  const draft = { ...emptyDraft(), prompt: "a cat", style: "photo" };
  const request = toRequest(draft, MODEL, styles);
  assert.deepEqual(request, { prompt: "a photo of a cat", negative_prompt: "drawing" });
  const job = { task: "txt2img", model: "shapes", request: { ...RESOLVED, ...request } };
  assert.deepEqual(draftOf(job, MODEL, { styles }), { ...draft, settings: { shapes: {} } });
  assert.deepEqual(toRequest(draft, MODEL, []), { prompt: "a cat" });
});

test("settings belong to their model", () => {
  const draft = withSettings({ ...emptyDraft(), prompt: "x", model: "sd15" }, OTHER, { steps: 30 });
  assert.deepEqual(toRequest(draft, OTHER), { model: "sd15", prompt: "x", steps: 30 });
  assert.deepEqual(toRequest({ ...draft, model: null }, MODEL), { prompt: "x" });
});

test("a negative prompt is not sent to a model on which it has no effect", () => {
  const draft = { ...emptyDraft(), prompt: "x", negativePrompt: "y" };
  assert.equal(toRequest(draft, MODEL).negative_prompt, "y");
  assert.equal("negative_prompt" in toRequest(draft, { ...MODEL, supports_negative_prompt: false }), false);
});

/** @type {Record<string, Record<string, unknown>>} */
const TASKS = {
  txt2img: { width: 96, height: 40, steps: 9, guidance_scale: 3.5, guidance_rescale: 0.2, clip_skip: 1, scheduler: "ddim" },
  img2img: { image: "asset_1", strength: 0.4 },
  inpaint: { image: "asset_1", mask: "asset_2", strength: 0.9 },
  outpaint: { image: "asset_1", extend: { left: 8, right: 0, top: 0, bottom: 16 } },
  variation: { image: "asset_1" },
  depth2img: { image: "asset_1", depth_map: "asset_3", strength: 0.7 },
  upscale: { image: "asset_1", noise_level: 5 },
  edit: { images: ["asset_1", "asset_2"], width: 64 },
};

test("a quality is sent only to formats that have one", () => {
  const sent = (/** @type {object} */ output) => toRequest({ ...emptyDraft(), output }, MODEL).output;
  assert.deepEqual(sent({ format: "webp", quality: 70 }), { format: "webp", quality: 70 });
  assert.equal(sent({ format: "png", quality: 70 }), undefined);
  assert.equal(sent({ quality: 70 }), undefined);
});

for (const [task, fields] of Object.entries(TASKS)) {
  test(`"Use settings" restores every field of ${task}`, () => {
    const request = {
      ...RESOLVED,
      ...fields,
      task,
      negative_prompt: "a star",
      n: 3,
      output: { ...RESOLVED.output, format: "webp", quality: 70, grid: true, watermark: "mark" },
      priority: 2,
      deadline_seconds: 60,
    };
    const draft = draftOf({ request, task, model: "shapes" }, MODEL, { seed: 7 });
    const sent = toRequest(draft, MODEL);
    const { metadata: _, webhook: __, ...expected } = request;
    assert.deepEqual({ ...RESOLVED, ...sent, task: sent.task ?? "txt2img", output: { ...RESOLVED.output, .../** @type {object} */ (sent.output) } }, {
      ...expected,
      metadata: {},
      webhook: null,
    });
  });
}

test("without a seed the draft draws a new one", () => {
  const draft = draftOf({ request: RESOLVED, task: "txt2img", model: "shapes" }, MODEL);
  assert.deepEqual(toRequest(draft, MODEL), { prompt: "a circle" });
});

test("fields that change are named", () => {
  const before = { ...emptyDraft(), prompt: "x", seed: 3 };
  const after = withSettings({ ...before, prompt: "y" }, MODEL, { steps: 5 });
  assert.deepEqual(changedFields(before, after, MODEL), new Set(["prompt", "steps"]));
});

test("a draft's model that is gone is the default one", () => {
  assert.equal(modelOf({ ...emptyDraft(), model: "gone" }, [OTHER, MODEL]), MODEL);
  assert.equal(modelOf({ ...emptyDraft(), model: "sd15" }, [OTHER, MODEL]), OTHER);
  assert.equal(modelOf(emptyDraft(), []), undefined);
});

test("a draft that an older page stored is completed", () => {
  assert.deepEqual(restoreDraft({ prompt: "x" }), { ...emptyDraft(), prompt: "x" });
});
