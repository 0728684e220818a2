import assert from "node:assert/strict";
import { test } from "node:test";

import { applyStyle, recognizeStyle } from "../../../api/renderq_api/page/files/state/styles.js";

const PHOTO = { name: "photo", title: "", prompt: "a photo of {prompt}", negative_prompt: "drawing" };
const TWICE = { name: "twice", title: "", prompt: "{prompt}, {prompt}", negative_prompt: "" };
const CLEAN = { name: "clean", title: "", prompt: "{prompt}", negative_prompt: "blurry" };
const STYLES = [PHOTO, TWICE, CLEAN];

test("a style surrounds the prompt and ends the negative prompt", () => {
  assert.deepEqual(applyStyle(PHOTO, "$& a cat", "people"), { prompt: "a photo of $& a cat", negativePrompt: "people, drawing" });
  assert.deepEqual(applyStyle(TWICE, "a cat", ""), { prompt: "a cat, a cat", negativePrompt: "" });
  assert.deepEqual(applyStyle(PHOTO, "", ""), { prompt: "", negativePrompt: "" });
  assert.deepEqual(applyStyle(undefined, "a cat", ""), { prompt: "a cat", negativePrompt: "" });
});

test("a styled prompt gives its plain words back", () => {
  for (const style of [PHOTO, CLEAN]) {
    const styled = applyStyle(style, "a cat", "people");
    const expected = { style: style.name, prompt: "a cat", negativePrompt: "people" };
    assert.deepEqual(recognizeStyle(STYLES, styled.prompt, styled.negativePrompt), expected);
  }
});

test("a prompt without a style is left as it is", () => {
  for (const [prompt, negativePrompt] of [["a cat", ""], ["a photo of a cat", ""], ["a cat", "drawing"]]) {
    assert.deepEqual(recognizeStyle(STYLES, prompt, negativePrompt), { style: null, prompt, negativePrompt });
  }
});
