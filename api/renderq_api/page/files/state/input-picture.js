/** The picture that a draft starts from: uploaded, dropped, pasted, or of an earlier job. */
import { signal } from "@preact/signals";

import { addAsset } from "./assets.js";
import { attempt } from "./attempt.js";
import { change, changeInput, draft, model } from "./draft-store.js";
import { showToast } from "./toasts.js";
import { t } from "../words/index.js";

/** @typedef {import("./draft-input.js").Task} Task */

/** Tasks that start from one picture, in the order in which they are offered. @type {Task[]} */
const PICTURE_TASKS = ["img2img", "inpaint", "outpaint", "variation", "depth2img", "upscale", "edit"];

/** A picture that has come in, until its reader says what to do with it. */
export const received = signal(/** @type {import("renderq").Asset | null} */ (null));

/** Whether the editor of the mask is open. */
export const maskOpen = signal(false);

/** Whether the editor of the extension is open. */
export const extendOpen = signal(false);

/** Whether a picture is on its way to the service. */
export const isUploading = signal(false);

/**
 * Upload a picture, and ask what to do with it.
 *
 * @param {File | Blob} file
 */
export async function receive(file) {
  received.value = await upload(file);
}

/**
 * Let the draft start from a picture.
 *
 * @param {string} image an asset, or an image of a job: `job_…/2`
 * @param {Task} task
 */
export function startFrom(image, task) {
  const before = draft.peek();
  received.value = null;
  if (task === "edit" && before.input && takesAnother()) {
    changeInput({ others: [...(before.input.others ?? []), image] });
    return;
  }
  change({ input: { task, image } });
  if (task === "inpaint") maskOpen.value = true;
  if (task === "outpaint") extendOpen.value = true;
  if (before.input) showToast({ text: t.toast.pictureReplaced, undo: () => (draft.value = before) });
}

/** Return whether the draft is an edit with room for another picture. */
export function takesAnother() {
  const { input } = draft.value;
  return input?.task === "edit" && (input.others ?? []).length + 1 < (model.value?.limits.max_images ?? 0);
}

/**
 * Remove one of the further pictures of an edit.
 *
 * @param {number} index
 */
export const removeOther = (index) =>
  changeInput({ others: draft.peek().input?.others?.filter((_, each) => each !== index) });

/** @param {Task} task */
export function changeTask(task) {
  const { input } = draft.peek();
  if (input) change({ input: { task, image: input.image, mask: input.mask } });
  if (task === "inpaint" && !input?.mask) maskOpen.value = true;
  if (task === "outpaint") extendOpen.value = true;
}

/** Pictures whose mask was painted are repainted where it is white. @param {Blob} mask */
export async function setMask(mask) {
  const asset = await upload(mask);
  const { input } = draft.peek();
  if (!asset || !input) return;
  change({ input: { ...input, task: "inpaint", mask: asset.id } });
  maskOpen.value = false;
}

/** @param {Blob} file */
async function upload(file) {
  isUploading.value = true;
  const asset = await attempt(() => addAsset(file));
  isUploading.value = false;
  return asset;
}

/** Return what the draft's model can do with a picture. */
export const offeredTasks = () =>
  PICTURE_TASKS.filter((task) => model.value?.tasks.includes(task) && (task !== "depth2img" || model.value.has_depth_estimator));
