/** What the lightbox compares a picture with: a pinned picture, else the one that it started from. */
import { signal } from "@preact/signals";

import { boxOf, extendedSides, NO_EXTENSION } from "./extension.js";
import { storedSignal } from "./storage.js";

/** @typedef {import("renderq").Job} Job */

/** How two pictures are shown. */
export const layout = storedSignal("compare", /** @type {"split" | "beside"} */ ("split"));

export const isComparing = signal(false);

/** The picture that others are compared with: `job_…/2`. */
export const pinned = signal(/** @type {string | null} */ (null));

/**
 * Return the picture that a job started from, an asset or an image of a job; of an edit the first one, which decides
 * about the size; null for one from text alone.
 *
 * @param {Pick<Job, "request">} job
 * @returns {string | null}
 */
export function startOf({ request }) {
  const { image, images } = /** @type {Record<string, any>} */ (request);
  return image ?? images?.[0] ?? null;
}

/**
 * Return the picture that a job's pictures are compared with, an asset or an image of a job; null if there is none.
 *
 * @param {Pick<Job, "request">} job
 */
export const comparedWith = (job) => pinned.value ?? startOf(job);

/** Compare nothing any more. */
export function stopComparing() {
  isComparing.value = false;
  pinned.value = null;
}

/**
 * Return where the picture that a job started from lies in its result, as a style: all of it, unless it was extended.
 *
 * @param {Pick<Job, "task" | "request">} job
 * @param {string} reference what it is compared with
 * @returns {Record<string, string>}
 */
export function placeOf({ task, request }, reference) {
  const { image, width, height, extend } = /** @type {Record<string, any>} */ (request);
  if (task !== "outpaint" || reference !== image) return {};
  const sides = { width, height };
  return boxOf({ left: 0, top: 0, ...extend, ...extendedSides(sides, extend) }, NO_EXTENSION, sides);
}
