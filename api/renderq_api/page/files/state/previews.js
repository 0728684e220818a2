/** Previews of running jobs, and which jobs are in view. */
import { computed, signal } from "@preact/signals";

import { jobSignal } from "./job-store.js";
import { previewedJobs } from "./jobs.js";

/** @typedef {import("renderq").Preview} Preview */

/** Most jobs that one stream sends previews of. */
const MAX_PREVIEWED = 4;

/** @type {Map<string, import("@preact/signals").Signal<Record<number, Preview>>>} */
const previews = new Map();

/**
 * Previews of a job by index of the image.
 *
 * @param {string} id
 */
export function previewsOf(id) {
  let known = previews.get(id);
  if (!known) previews.set(id, (known = signal({})));
  return known;
}

/**
 * @param {string} id
 * @param {Preview} preview
 */
export function putPreview(id, preview) {
  const known = previewsOf(id);
  known.value = { ...known.peek(), [preview.index]: preview };
}

/** @param {Preview} preview */
export const previewAddress = ({ content_type, data }) => `data:${content_type};base64,${data}`;

const inView = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** Jobs whose previews the page asks for. */
export const previewed = computed(() => {
  const jobs = [...inView.value].flatMap((id) => jobSignal(id)?.value ?? []);
  return previewedJobs(jobs, MAX_PREVIEWED).join(",");
});

const observer = new IntersectionObserver((entries) => {
  const set = new Set(inView.peek());
  for (const { target, isIntersecting } of entries) {
    const id = /** @type {HTMLElement} */ (target).dataset.job ?? "";
    if (isIntersecting) set.add(id);
    else set.delete(id);
  }
  inView.value = set;
});

/**
 * Follow whether an element of a job is in view. Returns a function that stops.
 *
 * @param {HTMLElement} element with `data-job`
 */
export function followView(element) {
  observer.observe(element);
  return () => {
    observer.unobserve(element);
    const set = new Set(inView.peek());
    set.delete(element.dataset.job ?? "");
    inView.value = set;
  };
}
