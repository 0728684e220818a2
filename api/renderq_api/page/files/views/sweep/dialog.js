/** Asks for the values of one or two fields, and says how many pictures that makes. */
import { useId } from "preact/hooks";

import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { Select } from "../../parts/select.js";
import { fieldErrors } from "../../problem.js";
import { request } from "../../state/draft-store.js";
import { models } from "../../state/service.js";
import { countPictures, emptyAxis, MAX_AXES, sweepFields, sweepSeconds, toAxis } from "../../state/sweep.js";
import { sending } from "../../state/submission.js";
import { axes, changeAxis, isSweeping, submitSweep, sweepRefusal } from "../../state/sweep-table.js";
import { f, t } from "../../words/index.js";

export function SweepDialog() {
  const close = () => (isSweeping.value = false);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void submitSweep();
  };
  const written = axes.value.map(toAxis);
  const pictures = countPictures(written);
  return html`<${Dialog} title=${t.sweep.title} kind="sweep" onClose=${close}>
    <form onSubmit=${submit}>
      <p class="hint">${t.sweep.text}</p>
      ${axes.value.map((_, index) => html`<${AxisFields} key=${index} index=${index} />`)}
      ${axes.value.length < MAX_AXES &&
      html`<div><${Button} small icon="plus" onClick=${() => (axes.value = [...axes.value, emptyAxis("prompt")])}>${t.sweep.add}<//></div>`}
      <p class="sweep-sum" role="status">${pictures > 0 && sentence(written, pictures)}</p>
      <${Message} />
      <footer>
        <${Button} onClick=${close}>${t.sweep.cancel}<//>
        <${Button} kind="primary" type="submit" disabled=${!pictures || !models.value || sending.value > 0}>${t.sweep.submit}<//>
      </footer>
    </form>
  <//>`;
}

/** @param {{ index: number }} props */
function AxisFields({ index }) {
  const id = useId();
  const axis = axes.value[index];
  const message = messagesOf(index);
  const options = sweepFields(request.value, models.value ?? []).map((field) => ({
    value: field,
    text: t.sweep.fields[/** @type {"steps"} */ (field)],
  }));
  const remove = () => (axes.value = axes.value.filter((_, at) => at !== index));
  return html`<fieldset class="sweep-axis">
    <legend class="unseen">${t.sweep.axis(index + 1)}</legend>
    <${Select} label=${t.sweep.field} value=${axis.field} options=${options} onChange=${(/** @type {string} */ field) => changeAxis(index, { field })} />
    ${axis.field === "prompt" &&
    html`<${Text} label=${t.sweep.word} value=${axis.word} onChange=${(/** @type {string} */ word) => changeAxis(index, { word })} />`}
    <${Text} label=${t.sweep.values} value=${axis.text} describedBy=${message && id} onChange=${(/** @type {string} */ text) => changeAxis(index, { text })} />
    ${axes.value.length > 1 && html`<${Button} kind="quiet" icon="close" label=${t.sweep.remove} onClick=${remove} />`}
    ${message && html`<p class="message" id=${id} role="alert">${message}</p>`}
  </fieldset>`;
}

/** @param {{ label: string, value: string, describedBy?: string, onChange: (text: string) => void }} props */
function Text({ label, value, describedBy, onChange }) {
  return html`<input
    class="text"
    aria-label=${label}
    placeholder=${label}
    value=${value}
    aria-invalid=${describedBy ? "true" : undefined}
    aria-describedby=${describedBy || undefined}
    onInput=${(/** @type {Event} */ event) => onChange(/** @type {HTMLInputElement} */ (event.currentTarget).value)}
  />`;
}

/** What the service says of anything but the axes. */
function Message() {
  const error = sweepRefusal.value;
  if (!error) return null;
  const others = Object.entries(fieldErrors(error.problem)).filter(([field]) => !/^axes\.\d/.test(field));
  const text = others.map(([, message]) => message).join(" ") || (error.problem?.errors?.length ? "" : error.message);
  return text && html`<p class="message" role="alert">${error.status ? text : t.errors.offline}</p>`;
}

/** @param {number} index */
function messagesOf(index) {
  const messages = Object.entries(fieldErrors(sweepRefusal.value?.problem ?? null));
  return messages.flatMap(([field, message]) => (field.startsWith(`axes.${index}.`) ? [message] : [])).join(" ");
}

/**
 * @param {readonly import("renderq").Axis[]} written
 * @param {number} pictures
 */
function sentence(written, pictures) {
  const seconds = sweepSeconds(request.value, written, models.value ?? []);
  const product = written.length > 1 ? written.map(({ values }) => f.number(values.length)).join(" × ") : "";
  return t.sweep.sum(product, pictures, seconds === null ? "" : f.duration(seconds));
}
