/** Settings of a request that starts from a picture. */
import { html } from "../../html.js";
import { Field } from "../../parts/field.js";
import { Range } from "../../parts/range.js";
import { changeInput } from "../../state/draft-store.js";
import { EDGES, NO_EXTENSION, withEdge } from "../../state/extension.js";
import { t } from "../../words/index.js";

/** Defaults of `strength` by task; others have none. @type {Record<string, number>} */
const STRENGTHS = { img2img: 0.8, inpaint: 1, depth2img: 0.8 };

const DEFAULT_NOISE_LEVEL = 20;

/** @param {{ input: import("../../state/draft-input.js").Input, model: import("renderq").Model }} props */
export function InputSettings({ input, model }) {
  const { task, strength = STRENGTHS[task], noise_level = DEFAULT_NOISE_LEVEL } = input;
  const maxNoise = model.limits.max_noise_level;
  return html`
    ${strength !== undefined &&
    html`<${Range} name="strength" label=${t.settings.strength} min=${0} max=${1} step=${0.05} value=${strength} onChange=${(/** @type {number} */ value) => changeInput({ strength: value })} />`}
    ${task === "upscale" &&
    typeof maxNoise === "number" &&
    html`<${Range} name="noise_level" label=${t.settings.noiseLevel} min=${0} max=${maxNoise} value=${noise_level} onChange=${(/** @type {number} */ value) => changeInput({ noise_level: value })} />`}
    ${task === "outpaint" && html`<${Extension} input=${input} step=${model.limits.size_multiple} />`}
  `;
}

/** @param {{ input: import("../../state/draft-input.js").Input, step: number }} props */
function Extension({ input, step }) {
  const extend = { ...NO_EXTENSION, ...input.extend };
  return html`<${Field} name="extend" label=${t.settings.extend}>
    <div class="extend">
      ${EDGES.map(
        (edge) => html`<label key=${edge} class=${edge}>
          <span>${t.settings.edges[edge]}</span>
          <input
            type="number"
            class="number"
            min="0"
            step=${step}
            value=${extend[edge]}
            onChange=${(/** @type {Event} */ event) => changeInput({ extend: withEdge(extend, edge, /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber, step) })}
          />
        </label>`,
      )}
    </div>
  <//>`;
}
