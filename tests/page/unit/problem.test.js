import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, fieldErrors, otherMessages } from "../../../api/renderq_api/page/files/problem.js";

/** @type {(errors: object[], detail?: string) => any} */
const problem = (errors, detail = "It is not valid.") => ({ status: 422, code: "invalid_request", detail, errors });

test("messages are found by the path of their field", () => {
  const errors = [
    { pointer: "/steps", detail: "Too many." },
    { pointer: "/output/quality", detail: "Too low." },
    { pointer: "/metadata/a~1b~0c", detail: "Too long." },
    { pointer: "/steps", detail: "Really." },
  ];
  assert.deepEqual(fieldErrors(problem(errors)), {
    steps: "Too many. Really.",
    "output.quality": "Too low.",
    "metadata.a/b~c": "Too long.",
  });
});

test("what no visible field shows is said in general", () => {
  const messages = { steps: "A.", "extend.left": "B.", webhook: "C.", "": "D." };
  assert.equal(otherMessages(messages, ["steps", "extend"]), "webhook: C. D.");
  assert.equal(otherMessages(messages, ["ext"]), "steps: A. extend.left: B. webhook: C. D.");
});

test("a problem without fields is said as it is", () => {
  assert.equal(new ApiError(429, problem([], "Wait.")).message, "Wait.");
  assert.equal(new ApiError(0, null).code, "offline");
});
