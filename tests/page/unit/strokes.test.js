import assert from "node:assert/strict";
import { test } from "node:test";

import { add, EMPTY, redo, undo } from "../../../api/renderq_api/page/files/views/mask/strokes.js";

const INVERT = /** @type {const} */ ({ kind: "invert" });
const CLEAR = /** @type {const} */ ({ kind: "clear" });

test("strokes are undone and redone in order", () => {
  const both = add(add(EMPTY, INVERT), CLEAR);
  assert.deepEqual(undo(both).done, [INVERT]);
  assert.deepEqual(undo(undo(both)).done, []);
  assert.deepEqual(redo(redo(undo(undo(both)))), both);
});

test("a new stroke forgets what was undone", () => {
  assert.deepEqual(add(undo(add(EMPTY, INVERT)), CLEAR), { done: [CLEAR], undone: [] });
});

test("there is nothing to undo or redo at the ends", () => {
  assert.deepEqual(undo(EMPTY), EMPTY);
  assert.deepEqual(redo(EMPTY), EMPTY);
});
