/**
 * Errors of the HTTP API (problem documents, RFC 9457) and of the connection to it.
 *
 * @typedef {import("renderq").Problem} Problem
 */

/** A request that was refused, or that got no answer (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {Problem | null} problem
   * @param {number | null} retryAfter seconds
   */
  constructor(status, problem, retryAfter = null) {
    super(problem?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.code = problem?.code ?? (status ? "internal_error" : "offline");
    this.retryAfter = retryAfter;
  }
}

/**
 * Return the message for each field that a problem names, by the field's path: `/output/quality` is `output.quality`.
 *
 * @param {Problem | null} problem
 * @returns {Record<string, string>}
 */
export function fieldErrors(problem) {
  /** @type {Record<string, string>} */
  const messages = {};
  for (const { pointer, detail } of problem?.errors ?? []) {
    const field = fieldOfPointer(pointer);
    messages[field] = messages[field] ? `${messages[field]} ${detail}` : detail;
  }
  return messages;
}

/**
 * Return the dotted path of a JSON Pointer (RFC 6901).
 *
 * @param {string} pointer
 */
function fieldOfPointer(pointer) {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
}

/**
 * Return the messages that belong to none of the visible fields.
 *
 * @param {Readonly<Record<string, string>>} messages by field
 * @param {readonly string[]} visible paths of fields that show their message themselves
 */
export const otherMessages = (messages, visible) =>
  Object.entries(messages)
    .filter(([field]) => !visible.some((shown) => isWithin(field, shown)))
    .map(([field, message]) => (field ? `${field}: ${message}` : message))
    .join(" ");

/**
 * @param {string} field a path: `extend.left`
 * @param {string} whole the path of a field that may contain it: `extend`
 */
export const isWithin = (field, whole) => field === whole || field.startsWith(`${whole}.`);
