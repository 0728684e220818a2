/**
 * Server-sent events read with `fetch`, which can send the `Authorization` header (`EventSource` cannot).
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @typedef {{ name: string, data: string, id: string }} ServerEvent
 */

/**
 * Return a function that takes the stream's text in pieces of any size.
 *
 * @param {(event: ServerEvent) => void} onEvent
 * @returns {(text: string) => void}
 */
export function createParser(onEvent) {
  let rest = "";
  let name = "";
  let id = "";
  /** @type {string[]} */
  let data = [];

  /** @param {string} line */
  function read(line) {
    if (line === "") {
      if (data.length) onEvent({ name: name || "message", data: data.join("\n"), id });
      name = "";
      data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") name = value;
    else if (field === "id") id = value;
  }

  return (text) => {
    rest += text;
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    lines.forEach(read);
  };
}

/**
 * Read a response until it ends. `onBytes` is called for every piece, heartbeats included.
 *
 * @param {Response} response
 * @param {(event: ServerEvent) => void} onEvent
 * @param {() => void} onBytes
 */
export async function readEvents(response, onEvent, onBytes) {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const feed = createParser(onEvent);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    feed(decoder.decode(value, { stream: true }));
  }
}
