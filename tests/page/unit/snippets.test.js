import assert from "node:assert/strict";
import { test } from "node:test";

import { pythonLiteral, shellQuote, snippet, SNIPPETS } from "../../../api/renderq_api/page/files/state/snippets.js";

const REQUEST = { prompt: "it's a \"star\"", n: 2, negative_prompt: "red", output: { grid: true, format: "webp" } };
const URL = "http://127.0.0.1:8400/";

test("no snippet contains a key, only its variable", () => {
  const keyed = SNIPPETS.map((kind) => snippet(REQUEST, kind, URL, true)).join("\n");
  assert.ok(keyed.includes('"Authorization: Bearer $RENDERQ_API_KEY"'));
  assert.ok(!/rq_/.test(keyed));
  assert.ok(!snippet(REQUEST, "curl", URL, false).includes("Authorization"));
});

test("text is quoted for the shell", () => {
  assert.equal(shellQuote("it's $HOME"), "'it'\\''s $HOME'");
  assert.equal(shellQuote("plain-1.5"), "plain-1.5");
});

test("values are literals of Python", () => {
  assert.equal(pythonLiteral({ a: true, b: null, c: [1, "ü\n"] }), '{"a": True, "b": None, "c": [1, "ü\\n"]}');
});

test("the command has a LoRA for each of the request", () => {
  const loras = [{ name: "ink", weight: 0.8 }, { name: "oil", weight: 1, text_encoder_weight: 0.5 }];
  assert.ok(snippet({ prompt: "x", loras }, "cli", URL, false).endsWith("run x --lora ink:0.8 --lora oil:1:0.5"));
});

test("the command has an option for each field", () => {
  assert.equal(
    snippet(REQUEST, "cli", URL, false),
    `renderq --url http://127.0.0.1:8400 run 'it'\\''s a "star"' -n 2 --negative-prompt red --grid grid.png --format webp`,
  );
});

test("an extension is an option for each edge", () => {
  const request = { prompt: "x", extend: { left: 8, right: 0, top: 0, bottom: 16 }, output: { embed_recipe: false } };
  const text = snippet(request, "cli", URL, false);
  assert.ok(text.endsWith("run x --extend left=8 --extend bottom=16 --no-embed-recipe"), text);
});

test("each picture of an edit is an option", () => {
  const text = snippet({ task: "edit", prompt: "x", images: ["asset_1", "job_2/0"] }, "cli", URL, false);
  assert.ok(text.endsWith("run x --task edit --image asset_1 --image job_2/0"), text);
});

test("Python is called with the prompt and the fields", () => {
  const text = snippet(REQUEST, "python", URL, false);
  assert.ok(text.includes('        "it\'s a \\"star\\"",\n        n=2,\n        negative_prompt="red",\n'), text);
});
