/** Visits of an open demo: the page asks for a visitor's key by itself, and again once a place is free. */
import { effect, signal } from "@preact/signals";

import { createVisitor } from "../api.js";
import { key, ownKey, signInReason, storeVisitorKey, visitorKey } from "../keys.js";
import { ApiError } from "../problem.js";
import { dropAll } from "./job-store.js";

/** Longest time until the page looks for a place again: others may leave earlier. */
const MAX_WAIT_S = 300;
const OFFLINE_WAIT_S = 3;

/** Why there is no key yet, and whether the page asks again by itself. */
export const visitRefusal = signal(/** @type {{ error: ApiError, asksAgain: boolean } | null} */ (null));

/** Start asking whenever a visitor's key is needed. */
export function startVisits() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const ask = async () => {
    try {
      await inOneTab(becomeVisitor);
      visitRefusal.value = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const wait = waitSeconds(error);
      visitRefusal.value = { error, asksAgain: wait !== null };
      if (wait !== null && signInReason.peek() === "visit") timer = setTimeout(ask, wait * 1000);
    }
  };
  effect(() => {
    if (key.value && !ownKey()) dropAll(); // of the visitor before, whose day is over
  });
  effect(() => {
    clearTimeout(timer);
    if (signInReason.value === "visit") void ask();
  });
}

/** Take a new visitor's key, or that of another tab which was asking, too. */
async function becomeVisitor() {
  if (signInReason.peek() !== "visit") return;
  storeVisitorKey(visitorKey() ?? (await createVisitor()).key);
}

/**
 * Run a task while no other tab does. Without a secure context, which locks need, tabs do not wait for each other.
 *
 * @param {() => Promise<void>} task
 */
const inOneTab = (task) => (navigator.locks ? navigator.locks.request("renderq.visitor", task) : task());

/**
 * Return after how many seconds another try may succeed, or null if only the reader can do something.
 *
 * @param {ApiError} error
 */
function waitSeconds({ status, code, retryAfter }) {
  if (code === "demo_full" || status >= 500) return Math.min(MAX_WAIT_S, retryAfter ?? OFFLINE_WAIT_S);
  return status ? null : OFFLINE_WAIT_S;
}
