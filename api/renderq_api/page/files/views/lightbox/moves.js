/** Keys of the lightbox, and the way from picture to picture. */
import { isTextField } from "../../parts/keyboard.js";
import { openJob } from "../../router.js";
import { isComparing, pinned, startOf, stopComparing } from "../../state/compare.js";
import { download, enlarge, toggleKept } from "../../state/actions.js";
import { jobNow, visibleIds } from "../../state/job-store.js";
import { offeredTasks } from "../../state/input-picture.js";
import { letterKeys } from "../../state/preferences.js";
import { fillIn, removeShown, startAnew } from "./deeds.js";
import { detailsOpen } from "./details.js";

/** @typedef {import("renderq").Job} Job */

/** @param {Job} job */
const count = (job) => indexesOf(job).length;

/** @param {Job} job */
const indexesOf = (job) =>
  job.status === "running" ? [...Array(job.progress.images_total).keys()] : job.outputs.map(({ index }) => index);

/**
 * Show the next or the previous picture; behind the last one of a job comes the next job.
 *
 * @param {Job} job
 * @param {number} index
 * @param {1 | -1} step
 * @returns {boolean} whether there is one
 */
export function move(job, index, step) {
  const indexes = indexesOf(job);
  const next = indexes[indexes.indexOf(index) + step];
  if (next === undefined) return moveToJob(job, step, step > 0 ? "first" : "last");
  openJob(job.id, next);
  return true;
}

/**
 * Begin or stop to compare. A picture that started from none is pinned, and the next one shown.
 *
 * @param {Job} job
 * @param {number} index
 */
export function toggleCompare(job, index) {
  if (isComparing.value) return stopComparing();
  isComparing.value = true;
  if (startOf(job)) return;
  pinned.value = `${job.id}/${index}`;
  if (!move(job, index, 1)) move(job, index, -1);
}

/**
 * @param {Job} job
 * @param {1 | -1} step
 * @param {"first" | "last"} [end]
 */
function moveToJob(job, step, end = "first") {
  const ids = visibleIds.peek();
  for (let at = ids.indexOf(job.id) + step; at >= 0 && at < ids.length; at += step) {
    const other = jobNow(ids[at]);
    if (!other || !count(other)) continue;
    openJob(other.id, indexesOf(other).at(end === "first" ? 0 : -1));
    return true;
  }
  return false;
}

/** Arrow keys move the line between two pictures. @param {EventTarget | null} target */
const isRange = (target) => target instanceof HTMLInputElement && target.type === "range";

/**
 * @param {KeyboardEvent} event
 * @param {Job} job
 * @param {number} index
 * @param {{ toggleZoom: () => void, flip: () => void }} view
 */
export function onKey(event, job, index, { toggleZoom, flip }) {
  if (isTextField(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  const isLetter = event.key.length === 1;
  if (isLetter ? !letterKeys.value : isRange(event.target)) return;
  const output = job.outputs.find((one) => one.index === index);
  const indexes = indexesOf(job);
  /** @type {Record<string, () => unknown>} */
  const deeds = {
    ArrowLeft: () => move(job, index, -1),
    ArrowRight: () => move(job, index, 1),
    ArrowUp: () => moveToJob(job, -1),
    ArrowDown: () => moveToJob(job, 1),
    Home: () => openJob(job.id, indexes[0]),
    End: () => openJob(job.id, indexes.at(-1)),
    Delete: () => removeShown(job),
    k: () => toggleKept(job),
    d: () => output && download(job, index),
    u: () => fillIn(job),
    s: () => output && fillIn(job, { seed: output.seed, n: 1 }),
    v: () => output && startAnew(job, index, "variation"),
    e: () => output && startAnew(job, index, "inpaint"),
    x: () => output && (offeredTasks().includes("upscale") ? startAnew(job, index, "upscale") : enlarge(job, output, 4)),
    i: () => (detailsOpen.value = !detailsOpen.value),
    z: toggleZoom,
    c: flip,
  };
  if (!Object.hasOwn(deeds, event.key)) return;
  event.preventDefault();
  deeds[event.key]();
}
