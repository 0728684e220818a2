/** Waiting jobs in their order, which dragging, buttons and keys change. */
import { signal } from "@preact/signals";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { promptOf } from "../../parts/tile.js";
import { cancel, moveInQueue } from "../../state/actions.js";
import { placeAt, placeBy } from "../../state/queue-order.js";
import { t } from "../../words/index.js";
import { RowText } from "./rows.js";

/** @typedef {import("renderq").Job} Job */

/** The job that is dragged, and the one that it would stand before (null: none, it would be last). */
const dragged = signal(/** @type {string | null} */ (null));
const target = signal(/** @type {string | null} */ (null));

/** @param {{ jobs: readonly Job[] }} props in their order */
export function WaitingRows({ jobs }) {
  if (!jobs.length) return null;
  const over = (/** @type {DragEvent} */ event) => {
    if (!dragged.peek()) return;
    event.preventDefault();
    target.value = jobBelow(event);
  };
  const drop = (/** @type {DragEvent} */ event) => {
    const id = dragged.peek();
    if (!id) return;
    event.preventDefault();
    const place = placeAt(jobs, id, jobBelow(event));
    if (place) void moveInQueue(id, place);
  };
  return html`<section class="rows">
    <h2>${t.queue.waiting}</h2>
    <ol onDragOver=${over} onDrop=${drop} onDragEnd=${() => (dragged.value = target.value = null)}>
      ${jobs.map((job, at) => html`<${WaitingRow} key=${job.id} job=${job} jobs=${jobs} at=${at} />`)}
    </ol>
  </section>`;
}

/** @param {{ job: Job, jobs: readonly Job[], at: number }} props */
function WaitingRow({ job, jobs, at }) {
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowUp: /** @type {const} */ (-1), ArrowDown: /** @type {const} */ (1) }[event.key];
    const place = step && placeBy(jobs, job.id, step);
    if (!step) return;
    event.preventDefault();
    if (place) void moveInQueue(job.id, place);
  };
  const classes = ["row", "waiting", dragged.value === job.id && "dragged", dragged.value && target.value === job.id && "target"];
  return html`<li class=${classes.filter(Boolean).join(" ")} data-job=${job.id} data-status=${job.status}>
    <span class="row-place">
      <button
        type="button"
        class="handle"
        draggable=${true}
        aria-label=${t.queue.handle(promptOf(job), at + 1)}
        title=${t.queue.handleTitle}
        onDragStart=${(/** @type {DragEvent} */ event) => startDrag(event, job.id)}
        onKeyDown=${onKeyDown}
      >
        <${Icon} name="handle" size=${16} />
      </button>
      ${at + 1}
    </span>
    <${RowText} job=${job} />
    <span class="row-actions">
      <${Button} small kind="quiet" icon="first" disabled=${at === 0} label=${t.queue.first} onClick=${() => moveInQueue(job.id, { to: "front" })} />
      <${Button} small onClick=${() => cancel(job.id)}>${t.job.cancel}<//>
    </span>
  </li>`;
}

/**
 * @param {DragEvent} event
 * @param {string} id
 */
function startDrag(event, id) {
  const row = /** @type {HTMLElement} */ (event.currentTarget).closest("li");
  event.dataTransfer?.setData("text/plain", id);
  if (row) event.dataTransfer?.setDragImage(row, 20, 20);
  dragged.value = id;
}

/**
 * Return the job whose upper half the pointer is above, or the one after it; null behind the last.
 *
 * @param {DragEvent} event
 */
function jobBelow(event) {
  const rows = [.../** @type {HTMLElement} */ (event.currentTarget).children];
  const row = rows.find((one) => {
    const { top, height } = one.getBoundingClientRect();
    return event.clientY < top + height / 2;
  });
  return row instanceof HTMLElement ? (row.dataset.job ?? null) : null;
}
