/** The result of a sweep: a table whose headings stay in sight. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { Tile } from "../../parts/tile.js";
import { openJob } from "../../router.js";
import { useSettings } from "../../state/draft-store.js";
import { jobSignal } from "../../state/job-store.js";
import { hasEnded, sidesOf } from "../../state/jobs.js";
import { table } from "../../state/sweep-table.js";
import { t } from "../../words/index.js";

/** @typedef {import("renderq").Job} Job */

const close = () => (table.value = null);

export function SweepTable() {
  if (!table.value) return null;
  const { columns, rows } = table.value;
  const hasHeads = rows.some(({ heads }) => heads.length);
  return html`<${Dialog} title=${t.sweep.table} kind="wide" onClose=${close}>
    <div class="table-scroll sweep-scroll" tabindex="0" role="region" aria-label=${t.sweep.table}>
      <table class="sweep-table">
        <thead>
          <tr>
            ${hasHeads && html`<td></td>`}
            ${columns.map((column) => html`<th key=${column.value} scope="col">${headText(column)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ heads, cells }) => html`<tr key=${JSON.stringify(heads)}>
              ${hasHeads && html`<th scope="row">${heads.map(headText).join(", ")}</th>`}
              ${cells.map((id, at) => html`<td key=${at}>${id && html`<${Cell} id=${id} />`}</td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}

/** @param {import("../../state/sweep.js").Head} head */
const headText = ({ field, value }) =>
  field.startsWith("prompt") ? value : `${t.sweep.fields[/** @type {"steps"} */ (field)] ?? field} ${value}`;

/** @param {{ id: string }} props */
function Cell({ id }) {
  const job = jobSignal(id)?.value;
  if (!job) return null;
  const [width, height] = sidesOf(job);
  const use = () => useSettings(job, { seed: /** @type {number} */ (job.request.seed), n: 1 }) && close();
  return html`<div class="sweep-cell" data-job=${id} data-status=${job.status} style=${{ "--ratio": String(width / height) }}>
    <${Tile} job=${job} index=${0} onOpen=${() => openJob(id)} />
    ${hasEnded(job) && !job.outputs.length
      ? html`<span class="hint">${t.sweep.failed}</span>`
      : html`<${Button} small onClick=${use}>${t.sweep.use}<//>`}
  </div>`;
}
