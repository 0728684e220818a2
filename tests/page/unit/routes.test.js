import assert from "node:assert/strict";
import { test } from "node:test";

import { jobAddress, parseAddress } from "../../../api/renderq_api/page/files/routes.js";

test("an address names its view", () => {
  const views = ["/", "/queue", "/gallery", "/models", "/workers", "/sign-in", "/unknown"].map((path) => parseAddress(path, "").view);
  assert.deepEqual(views, ["create", "queue", "gallery", "models", "workers", "sign-in", "create"]);
});

test("a job is shown above the view that it was opened from", () => {
  const { view, jobId, image } = parseAddress("/jobs/job_1", "?image=2", "gallery");
  assert.deepEqual([view, jobId, image], ["gallery", "job_1", 2]);
  assert.equal(jobAddress("job_1", 2), "/jobs/job_1?image=2");
});

test("an image that is no index is the first", () => {
  for (const image of ["-1", "x", "1.5", ""]) assert.equal(parseAddress("/jobs/job_1", `?image=${image}`).image, 0);
});

test("the service may lie below a path", () => {
  assert.equal(parseAddress("/art/queue", "", "create", "/art/").view, "queue");
  assert.equal(parseAddress("/art/", "", "create", "/art/").view, "create");
});
