import assert from "node:assert/strict";
import { test } from "node:test";

import { createParser } from "../../../api/renderq_api/page/files/event-stream.js";

const STREAM = 'retry: 2000\n\nevent: job\ndata: {"a":\ndata: 1}\nid: 7\n\n: heartbeat\n\nevent: ready\ndata: {}\n\n';
const EVENTS = [
  { name: "job", data: '{"a":\n1}', id: "7" },
  { name: "ready", data: "{}", id: "7" },
];

/** @param {string[]} pieces */
function parse(pieces) {
  /** @type {unknown[]} */
  const events = [];
  const feed = createParser((event) => events.push(event));
  pieces.forEach(feed);
  return events;
}

test("events are the same wherever the stream is cut", () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    assert.deepEqual(parse([STREAM.slice(0, cut), STREAM.slice(cut)]), EVENTS);
  }
});

test("all three line ends of the standard are read, also one byte at a time", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    // Another line follows: a CR at the very end may be half of a CRLF.
    const text = `${STREAM.replaceAll("\n", end)}:${end}`;
    assert.deepEqual(parse([text]), EVENTS);
    assert.deepEqual(parse([...text]), EVENTS);
  }
});

test("an event without data is none", () => {
  assert.deepEqual(parse(["event: job\n\n", "data\n\n"]), [{ name: "message", data: "", id: "" }]);
});
