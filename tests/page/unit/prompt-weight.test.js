import assert from "node:assert/strict";
import { test } from "node:test";

import { changePromptWeight } from "../../../api/renderq_api/page/files/state/prompt-weight.js";

/** @type {(text: string, direction: 1 | -1) => string} `[` and `]` mark the selection */
function change(text, direction) {
  const start = text.indexOf("[");
  const end = text.indexOf("]") - 1;
  const result = changePromptWeight(text.replace(/[[\]]/g, ""), start, end, direction);
  const { prompt } = result;
  return `${prompt.slice(0, result.start)}[${prompt.slice(result.start, result.end)}]${prompt.slice(result.end)}`;
}

test("the selected words get more weight", () => assert.equal(change("a [red] star", 1), "a [(red:1.1)] star"));
test("spaces at the ends stay outside", () => assert.equal(change("a[ red ]star", 1), "a [(red:1.1)] star"));
test("a weight grows", () => assert.equal(change("a [(red:1.1)] star", 1), "a [(red:1.2)] star"));
test("the brackets belong to the words", () => assert.equal(change("a ([red]:1.1) star", 1), "a [(red:1.2)] star"));
test("a weight of 1 takes the brackets away", () => assert.equal(change("a [(red:1.1)] star", -1), "a [red] star"));
test("a weight stays above 0", () => assert.equal(change("[(red:0.1)]", -1), "[(red:0.1)]"));
