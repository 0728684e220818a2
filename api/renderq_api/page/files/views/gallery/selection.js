/** Selected jobs, and what one can do with all of them. */
import { signal } from "@preact/signals";

import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { question } from "../../parts/dialog.js";
import { downloadAll, remove, setKept } from "../../state/actions.js";
import { jobNow } from "../../state/job-store.js";
import { isVisitor } from "../../state/service.js";
import { t } from "../../words/index.js";

/** Ids of the selected jobs. */
export const selected = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** @param {string} id */
export function toggleSelected(id) {
  const set = new Set(selected.peek());
  if (!set.delete(id)) set.add(id);
  selected.value = set;
}

const clear = () => (selected.value = new Set());

const selectedJobs = () => [...selected.peek()].flatMap((id) => jobNow(id) ?? []);

async function downloadSelected() {
  for (const job of selectedJobs()) await downloadAll(job);
}

function removeSelected() {
  const ids = [...selected.peek()];
  const deed = () => {
    clear();
    remove(ids);
  };
  if (ids.length === 1) return deed();
  question.value = { text: t.dialog.delete(ids.length), confirm: t.dialog.confirmDelete, onConfirm: deed };
}

export function SelectionBar() {
  if (!selected.value.size) return null;
  const pictures = selectedJobs().reduce((sum, { outputs }) => sum + outputs.length, 0);
  const areKept = selectedJobs().every(({ kept }) => kept);
  return html`<div class="selection-bar" role="toolbar" aria-label=${t.gallery.selected(pictures)}>
    <b>${t.gallery.selected(pictures)}</b>
    <${Button} kind="quiet" icon="download" label=${t.job.download} onClick=${downloadSelected} />
    ${!isVisitor.value && html`<${Button} kind="quiet" icon="heart" filled=${areKept} label=${t.job.keepTitle} onClick=${() => setKept([...selected.peek()], !areKept)} />`}
    <${Button} kind="quiet" icon="trash" label=${t.job.remove} onClick=${removeSelected} />
    <${Button} onClick=${clear}>${t.gallery.selectNone}<//>
  </div>`;
}
