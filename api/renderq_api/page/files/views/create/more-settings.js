/** Settings that are changed less often: the files, and the fields of experts. */
import { html } from "../../html.js";
import { Choice } from "../../parts/choice.js";
import { Field } from "../../parts/field.js";
import { Range } from "../../parts/range.js";
import { change, changeSettings, draft, settings } from "../../state/draft-store.js";
import { isVisitor } from "../../state/service.js";
import { t } from "../../words/index.js";

const FORMATS = [
  { value: "png", text: "PNG" },
  { value: "jpeg", text: "JPEG" },
  { value: "webp", text: "WebP" },
];

const MAX_PRIORITY = 10;

/** Factors of `output.resize`. */
const FACTORS = /** @type {const} */ ([1, 2, 4]);

/** @param {import("../../state/draft.js").Output} change_ */
const changeOutput = (change_) => change({ output: { ...draft.peek().output, ...change_ } });

export function OutputSettings() {
  const { format = "png", quality = 90, grid = false, embed_recipe = true, resize = 1, watermark = "" } = draft.value.output;
  return html`<details class="fold">
    <summary>${t.settings.output}</summary>
    <${Field} name="output.format" label=${t.settings.format}>
      <${Choice} label=${t.settings.format} value=${format} options=${FORMATS} onChange=${(/** @type {string} */ value) => changeOutput({ format: value })} />
    <//>
    ${format !== "png" &&
    html`<${Range} name="output.quality" label=${t.settings.quality} min=${1} max=${100} value=${quality} onChange=${(/** @type {number} */ value) => changeOutput({ quality: value })} />`}
    ${!isVisitor.value && html`<${Field} name="output.resize" label=${t.settings.resize}>
      <${Choice}
        label=${t.settings.resize}
        value=${resize}
        options=${FACTORS.map((factor) => ({ value: factor, text: factor === 1 ? t.settings.notResized : `${factor}×` }))}
        onChange=${(/** @type {1 | 2 | 4} */ value) => changeOutput({ resize: value })}
      />
    <//>`}
    <${Check} text=${t.settings.grid} checked=${grid} onChange=${(/** @type {boolean} */ value) => changeOutput({ grid: value })} />
    <${Check} text=${t.settings.recipe} checked=${embed_recipe} onChange=${(/** @type {boolean} */ value) => changeOutput({ embed_recipe: value })} />
    <${Field} name="output.watermark" label=${t.settings.watermark} id="watermark" hint=${t.settings.watermarkHint}>
      <input
        id="watermark"
        class="text"
        maxlength="32"
        value=${watermark}
        onChange=${(/** @type {Event} */ event) => changeOutput({ watermark: /** @type {HTMLInputElement} */ (event.currentTarget).value || undefined })}
      />
    <//>
  </details>`;
}

/** @param {{ model: import("renderq").Model }} props */
export function RareSettings({ model }) {
  const { defaults, limits } = model;
  const { guidance_rescale = defaults.guidance_rescale ?? 0, clip_skip = defaults.clip_skip ?? 0 } = settings.value;
  return html`<details class="fold">
    <summary>${t.settings.more}</summary>
    ${limits.max_guidance_rescale > 0 &&
    html`<${Range} name="guidance_rescale" label=${t.settings.guidanceRescale} min=${0} max=${limits.max_guidance_rescale} step=${0.05} value=${guidance_rescale} onChange=${(/** @type {number} */ value) => changeSettings({ guidance_rescale: value })} />`}
    ${limits.max_clip_skip > 0 &&
    html`<${Range} name="clip_skip" label=${t.settings.clipSkip} min=${0} max=${limits.max_clip_skip} value=${clip_skip} onChange=${(/** @type {number} */ value) => changeSettings({ clip_skip: value })} />`}
    ${!isVisitor.value && html`<${Range} name="priority" label=${t.settings.priority} min=${-MAX_PRIORITY} max=${MAX_PRIORITY} value=${draft.value.priority} onChange=${(/** @type {number} */ value) => change({ priority: value })} />`}
    <${Field} name="deadline_seconds" label=${t.settings.deadline} id="deadline">
      <input
        type="number"
        class="number"
        id="deadline"
        min="1"
        placeholder="–"
        value=${draft.value.deadline ?? ""}
        onChange=${(/** @type {Event} */ event) => change({ deadline: /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber || null })}
      />
    <//>
  </details>`;
}

/** @param {{ text: string, checked: boolean, onChange: (checked: boolean) => void }} props */
function Check({ text, checked, onChange }) {
  return html`<label class="check">
    <input type="checkbox" checked=${checked} onChange=${(/** @type {Event} */ event) => onChange(/** @type {HTMLInputElement} */ (event.currentTarget).checked)} />
    <span>${text}</span>
  </label>`;
}
