/** Named drafts of this browser: everything but the prompt and its pictures. */
import { signal } from "@preact/signals";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { Menu, MenuItem } from "../../parts/menu.js";
import { draft } from "../../state/draft-store.js";
import { storedSignal } from "../../state/storage.js";
import { showToast } from "../../state/toasts.js";
import { t } from "../../words/index.js";

/** @typedef {import("../../state/draft.js").Draft} Draft */

const presets = storedSignal("presets", /** @type {Record<string, Partial<Draft>>} */ ({}));

const isNaming = signal(false);

export function Presets() {
  const names = Object.keys(presets.value).sort();
  return html`<${Menu} label=${t.settings.presets} button=${{ class: "button small" }} face=${html`${t.settings.presets}<${Icon} name="down" size=${14} />`}>
      ${names.map((name) => html`<${MenuItem} key=${name} onClick=${() => applyPreset(name)}>${name}<//>`)}
      ${names.length > 0 && html`<hr />`}
      ${names.map(
        (name) => html`<${MenuItem} key=${`delete ${name}`} icon="trash" danger onClick=${() => deletePreset(name)}>${t.settings.deletePreset(name)}<//>`,
      )}
      <${MenuItem} icon="plus" onClick=${() => (isNaming.value = true)}>${t.settings.savePreset}<//>
    <//>
    ${isNaming.value && html`<${NameDialog} />`}`;
}

function NameDialog() {
  const close = () => (isNaming.value = false);
  const save = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const name = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("name")).trim();
    if (!name) return;
    const { prompt: _, input: __, seed: ___, ...kept } = draft.peek();
    presets.value = { ...presets.peek(), [name]: kept };
    close();
    showToast({ text: t.toast.presetSaved });
  };
  return html`<${Dialog} title=${t.settings.savePreset} kind="question" onClose=${close}>
    <form onSubmit=${save}>
      <input class="text" name="name" required maxlength="40" aria-label=${t.settings.presetName} placeholder=${t.settings.presetName} />
      <footer><${Button} kind="primary" type="submit">${t.settings.save}<//></footer>
    </form>
  <//>`;
}

/** @param {string} name */
function applyPreset(name) {
  const before = draft.peek();
  draft.value = { ...before, ...presets.peek()[name], settings: { ...before.settings, ...presets.peek()[name].settings } };
  showToast({ text: t.toast.settingsUsed, undo: () => (draft.value = before) });
}

/** @param {string} name */
function deletePreset(name) {
  const before = presets.peek();
  const { [name]: _, ...others } = before;
  presets.value = others;
  showToast({ text: t.toast.deleted(1), undo: () => (presets.value = before) });
}
