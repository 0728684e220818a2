/** Deeds that leave the lightbox. */
import { closeJob, go } from "../../router.js";
import { viewAddress } from "../../routes.js";
import { remove } from "../../state/actions.js";
import { useSettings } from "../../state/draft-store.js";
import { startFrom } from "../../state/input-picture.js";

/** @typedef {import("renderq").Job} Job */

/**
 * Fill the composer, and show it.
 *
 * @param {Job} job
 * @param {{ seed?: number | null, n?: number }} [options]
 */
export function fillIn(job, options) {
  if (useSettings(job, options)) go(viewAddress("create"));
}

/**
 * Let the draft start from a picture, and show the composer.
 *
 * @param {Job} job
 * @param {number} index
 * @param {import("../../state/draft-input.js").Task} task
 */
export function startAnew(job, index, task) {
  go(viewAddress("create"));
  startFrom(`${job.id}/${index}`, task);
}

/** @param {Job} job */
export function removeShown(job) {
  closeJob();
  remove([job.id]);
}
