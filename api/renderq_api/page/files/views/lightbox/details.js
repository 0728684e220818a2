/** Everything that is known of a picture; raw values, ready to be copied. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { copyText } from "../../parts/clipboard.js";
import { promptOf } from "../../parts/tile.js";
import { sidesOf } from "../../state/jobs.js";
import { describeLoras } from "../../state/loras.js";
import { storedSignal } from "../../state/storage.js";
import { f, t } from "../../words/index.js";
import { scheduleName, schedulerName } from "../../words/schedulers.js";
import { LabelEditor } from "../labels.js";

/** @typedef {import("renderq").Job} Job */

export const detailsOpen = storedSignal("details", matchMedia("(min-width: 960px)").matches);

/** @typedef {[name: keyof typeof t.lightbox.fields, value: unknown][]} Rows */

/** @param {{ job: Job, index: number }} props */
export function Details({ job, index }) {
  const output = job.outputs.find((one) => one.index === index);
  const request = /** @type {Record<string, any>} */ (job.request);
  return html`<aside class="details" aria-label=${t.lightbox.details}>
    <section>
      <h2>${t.lightbox.prompt}</h2>
      <p class="full-prompt">${promptOf(job)}</p>
      ${request.negative_prompt && html`<h2>${t.lightbox.negative}</h2><p class="full-prompt">${request.negative_prompt}</p>`}
      <${LabelEditor} job=${job} />
    </section>
    <${Facts} title=${t.lightbox.facts} rows=${settingRows(job, output?.seed)} />
    ${output && html`<${Facts} title=${t.lightbox.file} rows=${fileRows(job, output)} />`}
    <${Facts} title=${t.lightbox.timings} rows=${timingRows(job)} />
    <${Facts} title=${t.lightbox.made} rows=${madeRows(job)} />
  </aside>`;
}

/** @param {{ title: string, rows: Rows }} props */
function Facts({ title, rows }) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!known.length) return null;
  return html`<section>
    <h2>${title}</h2>
    <dl class="facts-list">${known.map(([name, value]) => html`<dt>${t.lightbox.fields[name]}</dt><dd>${value}</dd>`)}</dl>
  </section>`;
}

/**
 * @param {Job} job
 * @param {number | undefined} seed
 * @returns {Rows}
 */
function settingRows(job, seed = Number(job.request.seed)) {
  const request = /** @type {Record<string, any>} */ (job.request);
  const [width, height] = sidesOf(job);
  return [
    ["model", job.model],
    ["task", t.job.tasks[/** @type {"txt2img"} */ (job.task)] ?? job.task],
    ["loras", describeLoras(request.loras, f.number)],
    ["size", `${width} × ${height}`],
    ["seed", html`<span class="copyable">${String(seed)} <${Button} small kind="quiet" icon="copy" label=${t.job.copySeed} onClick=${() => copyText(String(seed))} /></span>`],
    ["steps", request.steps],
    ["guidance_scale", f.number(request.guidance_scale)],
    ["scheduler", request.scheduler ? schedulerName(request.scheduler) : t.settings.ownScheduler],
    ["schedule", request.schedule && scheduleName(request.schedule)],
    ["strength", request.strength],
    ["noise_level", request.noise_level],
    ["resize", request.output?.resize > 1 ? `${request.output.resize}×` : null],
    ["guidance_rescale", request.guidance_rescale || null],
    ["clip_skip", request.clip_skip || null],
  ];
}

/**
 * @param {Job} job
 * @param {import("renderq").Output} output
 * @returns {Rows}
 */
const fileRows = (job, output) => [
  ["format", output.content_type],
  ["bytes", f.bytes(output.size_bytes)],
  ["created", f.moment(job.completed_at ?? job.created_at)],
  ["expires", job.kept ? null : job.expires_at && f.moment(job.expires_at)],
];

/**
 * @param {Job} job
 * @returns {Rows}
 */
function timingRows({ metrics }) {
  const names = /** @type {const} */ (["queue", "load", "inference", "encode", "upload", "total"]);
  return names.map((name) => {
    const value = metrics[/** @type {"queue_ms"} */ (`${name}_ms`)];
    return [name, typeof value === "number" ? f.exactDuration(value) : null];
  });
}

/**
 * @param {Job} job
 * @returns {Rows}
 */
const madeRows = (job) => [
  ["worker", job.worker],
  ["device", job.device],
  ["dtype", job.dtype],
  ["exactness", job.exactness && t.lightbox.exactness[job.exactness]],
  ["revision", job.model_revision],
  ["id", html`<span class="copyable">${job.id} <${Button} small kind="quiet" icon="copy" label=${t.job.copyId} onClick=${() => copyText(job.id)} /></span>`],
];
