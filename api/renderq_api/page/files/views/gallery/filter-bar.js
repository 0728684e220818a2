/** What narrows the gallery. Every filter is part of the address. */
import { useEffect, useRef } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Select } from "../../parts/select.js";
import { go } from "../../router.js";
import { viewAddress } from "../../routes.js";
import { filtersAddress } from "../../state/filters.js";
import { filters } from "../../state/gallery.js";
import { rowHeight } from "../../state/preferences.js";
import { models } from "../../state/service.js";
import { t } from "../../words/index.js";

/** Time without a key after which words are searched. */
const TYPING_MS = 250;

/** @param {Partial<import("../../state/filters.js").Filters>} change */
const narrow = (change) => go(viewAddress("gallery") + filtersAddress({ ...filters.peek(), ...change }), { replace: true });

export function FilterBar() {
  const { kept, model, task, label, age } = filters.value;
  const modelOptions = (models.value ?? []).map(({ name }) => ({ value: name, text: name }));
  const tasks = [...new Set((models.value ?? []).flatMap((one) => one.tasks))];
  const taskOptions = tasks.map((name) => ({ value: name, text: t.job.tasks[/** @type {"txt2img"} */ (name)] ?? name }));
  const ages = /** @type {const} */ (["day", "week", "month"]).map((value) => ({ value, text: t.gallery.times[value] }));
  return html`<div class="filters" role="search">
    <${SearchField} />
    <button type="button" class="button" aria-pressed=${kept} onClick=${() => narrow({ kept: !kept })}>
      <${Icon} name="heart" size=${16} filled=${kept} /> ${t.gallery.kept}
    </button>
    ${label && html`<button type="button" class="button" title=${t.gallery.clearLabel(label)} onClick=${() => narrow({ label: "" })}><${Icon} name="tag" size=${16} /> ${label} <${Icon} name="close" size=${14} /></button>`}
    ${modelOptions.length > 1 && html`<${Select} compact label=${t.settings.model} value=${model} options=${[{ value: "", text: t.gallery.anyModel }, ...modelOptions]} onChange=${(/** @type {string} */ value) => narrow({ model: value })} />`}
    <${Select} compact label=${t.models.tasks} value=${task} options=${[{ value: "", text: t.gallery.anyTask }, ...taskOptions]} onChange=${(/** @type {string} */ value) => narrow({ task: value })} />
    <${Select} compact label=${t.gallery.anyTime} value=${age} options=${[{ value: "", text: t.gallery.anyTime }, ...ages]} onChange=${(/** @type {"day"} */ value) => narrow({ age: value })} />
    <input
      type="range"
      class="range size-range"
      aria-label=${t.gallery.size}
      title=${t.gallery.size}
      min="120"
      max="420"
      step="20"
      value=${rowHeight.value}
      style=${{ "--share": String((rowHeight.value - 120) / 300) }}
      onInput=${(/** @type {Event} */ event) => (rowHeight.value = /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber)}
    />
  </div>`;
}

function SearchField() {
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (/** @type {Event} */ event) => {
    const q = /** @type {HTMLInputElement} */ (event.currentTarget).value;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => narrow({ q }), TYPING_MS);
  };
  return html`<label class="search">
    <${Icon} name="search" size=${16} />
    <input type="search" class="text" aria-label=${t.gallery.search} placeholder=${t.gallery.search} value=${filters.value.q} onInput=${type} />
  </label>`;
}
