/**
 * Items of the feed, which never move under the pointer: while it is over a card, items that come from elsewhere wait
 * for it to leave, at most three seconds.
 */
import { computed, effect, signal } from "@preact/signals";

import { jobSignal, listedIds } from "./job-store.js";
import { feedItems } from "./jobs.js";

/** @typedef {import("./jobs.js").FeedItem} FeedItem */

const MAX_HOLD_MS = 3_000;

const wanted = computed(() => feedItems(listedIds.value.flatMap((id) => jobSignal(id)?.value ?? [])));

/** What the feed shows. */
export const shown = signal(/** @type {FeedItem[]} */ ([]));

/**
 * @param {FeedItem[]} a
 * @param {FeedItem[]} b
 */
const sameItems = (a, b) => JSON.stringify(a) === JSON.stringify(b);

let pointerOverCard = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Show all news now: the user's own action caused them. */
export function settle() {
  clearTimeout(timer);
  timer = undefined;
  if (!sameItems(shown.peek(), wanted.peek())) shown.value = wanted.peek();
}

/** @param {boolean} over */
export function setPointerOverCard(over) {
  pointerOverCard = over;
  if (!over) settle();
}

effect(() => {
  void wanted.value;
  if (!pointerOverCard || !shown.peek().length) settle();
  else timer ??= setTimeout(settle, MAX_HOLD_MS);
});
