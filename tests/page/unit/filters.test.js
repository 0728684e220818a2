import assert from "node:assert/strict";
import { test } from "node:test";

import { byDay, filtersAddress, galleryQuery, isUnfiltered, readFilters } from "../../../api/renderq_api/page/files/state/filters.js";

test("filters survive their way through the address", () => {
  const filters = /** @type {const} */ ({ q: '"red circle" blue', kept: true, model: "shapes", task: "", label: "a&b", age: "week" });
  assert.deepEqual(readFilters(new URLSearchParams(filtersAddress(filters))), filters);
});

test("nothing is filtered by an address without a query", () => {
  const filters = readFilters(new URLSearchParams());
  assert.ok(isUnfiltered(filters));
  assert.deepEqual([filtersAddress(filters), galleryQuery(filters).toString()], ["", ""]);
});

test("the API is asked for the time after which jobs were created", () => {
  const filters = readFilters(new URLSearchParams("age=day&q=+star+&kept=true"));
  const query = galleryQuery(filters, Date.parse("2026-11-29T10:00:00Z"));
  assert.deepEqual(Object.fromEntries(query), { q: "star", kept: "true", created_after: "2026-11-28T10:00:00.000Z" });
});

test("an unknown age is none", () => assert.equal(readFilters(new URLSearchParams("age=constructor")).age, ""));

test("jobs are grouped by day", () => {
  const jobs = ["2026-11-29T12:00:00Z", "2026-11-29T11:00:00Z", "2026-11-27T12:00:00Z"].map((created_at) => ({ created_at }));
  assert.deepEqual(byDay(jobs).map((day) => day.jobs.length), [2, 1]);
});
