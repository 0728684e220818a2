/** The place of one image: a still plate, then its preview, then the finished file. Its size never changes. */
import { useRef, useState } from "preact/hooks";

import { html } from "../html.js";
import { Icon } from "../icons.js";
import { sidesOf } from "../state/jobs.js";
import { pictureAddress, pictureSources, renewAddress } from "../state/pictures.js";
import { previewAddress } from "../state/previews.js";
import { t } from "../words/index.js";

/** Sides up to which enlarged pixels are shown as squares. */
const PIXELATED_PX = 128;

/**
 * Return the class of an enlarged image.
 *
 * @param {number} width of the finished image
 * @param {number} height
 */
export const enlargedClass = (width, height) => (Math.max(width, height) <= PIXELATED_PX ? "pixelated" : "");

/**
 * @typedef {import("renderq").Job} Job
 * @typedef {import("renderq").ImageFile & { thumbnail?: import("renderq").Thumbnail | null }} ImageFile
 * @typedef {import("renderq").Preview} Preview
 */

/**
 * A finished file, shown once it is decoded.
 *
 * @param {{ jobId: string, file: ImageFile, alt: string, isWhole?: boolean, onShown?: () => void }} props `isWhole`: never
 *   a thumbnail
 */
export function Picture({ jobId, file, alt, isWhole = false, onShown }) {
  const [state, setState] = useState(/** @type {"loading" | "shown" | "renewed" | "missing"} */ ("loading"));
  const show = async (/** @type {Event} */ event) => {
    const image = /** @type {HTMLImageElement} */ (event.currentTarget);
    await image.decode().catch(() => {});
    setState("shown");
    onShown?.();
  };
  const fail = () => {
    if (state === "renewed") return setState("missing");
    setState("renewed");
    return renewAddress(jobId, file).catch(() => setState("missing"));
  };
  if (state === "missing") return html`<span class="missing"><${Icon} name="image" /> ${t.job.missing}</span>`;
  const sources = isWhole ? undefined : pictureSources(file);
  return html`<img
    class=${`picture ${state === "shown" ? "shown" : ""} ${enlargedClass(file.width, file.height)}`}
    loading=${isWhole ? "eager" : "lazy"}
    sizes=${sources && "auto, 320px"}
    srcset=${sources}
    src=${pictureAddress(file)}
    alt=${alt}
    width=${file.width}
    height=${file.height}
    decoding="async"
    draggable=${false}
    onLoad=${show}
    onError=${fail}
  />`;
}

/**
 * @param {{ job: Job, index: number, preview?: Preview, onOpen: (index: number) => void }} props
 */
export function Tile({ job, index, preview, onOpen }) {
  const output = job.outputs.find((one) => one.index === index);
  const [isCovered, setCovered] = useState(false);
  const last = useRef(preview);
  if (preview) last.current = preview;
  const shownPreview = isCovered ? undefined : last.current;
  const share = Math.max(shareOf(shownPreview), shareOf(job.progress.images[index]));
  const isOpen = job.status === "running" || job.status === "canceling";
  const content = html`
    ${shownPreview && html`<img class=${`preview ${enlargedClass(...sidesOf(job))}`} src=${previewAddress(shownPreview)} alt="" draggable=${false} />`}
    ${output && html`<${Picture} jobId=${job.id} file=${output} alt=${t.job.alt(promptOf(job), index + 1)} onShown=${() => setCovered(true)} />`}
    ${!output && isOpen && share > 0 && html`<span class="tile-progress" style=${{ "--value": String(share) }}></span>`}
  `;
  return html`<button
    type="button"
    class=${`tile ${isOpen && !output ? "open" : ""}`}
    aria-label=${t.job.open(index + 1)}
    disabled=${!output && !last.current}
    onClick=${() => onOpen(index)}
  >
    ${content}
  </button>`;
}

/**
 * Return how much of an image's steps is done.
 *
 * @param {{ step: number, steps: number } | undefined} progress
 */
const shareOf = (progress) => (progress?.steps ? progress.step / progress.steps : 0);

/** @param {Pick<Job, "request">} job */
export const promptOf = ({ request }) => String(request.prompt ?? "") || t.job.untitled;
