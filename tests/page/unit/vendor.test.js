import assert from "node:assert/strict";
import { test } from "node:test";

import { computed, signal } from "@preact/signals";
import { h } from "preact";
import htm from "htm";

test("signals derive values", () => {
  const count = signal(1);
  const double = computed(() => 2 * count.value);
  count.value = 4;
  assert.equal(double.value, 8);
});

test("templates make elements, and text stays text", () => {
  const element = htm.bind(h)`<p class="x">${"<b>"}</p>`;
  assert.equal(element.type, "p");
  assert.deepEqual(element.props, { class: "x", children: "<b>" });
});
