/** Labels of a job: shown, added, removed. */
import { html } from "../html.js";
import { Icon } from "../icons.js";
import { setLabels } from "../state/actions.js";
import { t } from "../words/index.js";

const MAX_CHARACTERS = 64;

/** @param {{ job: import("renderq").Job }} props */
export function LabelEditor({ job }) {
  const add = (/** @type {Event} */ event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    const label = field.value.trim();
    field.value = "";
    if (label && !job.labels.includes(label)) void setLabels(job.id, [...job.labels, label]);
  };
  const drop = (/** @type {string} */ label) => setLabels(job.id, job.labels.filter((other) => other !== label));
  return html`<div class="labels">
    ${job.labels.map(
      (label) => html`<span class="tag" key=${label}>
        ${label}
        <button type="button" aria-label=${t.job.removeLabel(label)} onClick=${() => drop(label)}><${Icon} name="close" size=${12} /></button>
      </span>`,
    )}
    <input
      class="tag-field"
      maxlength=${MAX_CHARACTERS}
      aria-label=${t.job.addLabel}
      placeholder=${t.job.addLabel}
      onChange=${add}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.stopPropagation()}
    />
  </div>`;
}
