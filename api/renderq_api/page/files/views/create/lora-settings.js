/** LoRAs that change the model: those chosen, each with its weight, and one more to choose. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Field } from "../../parts/field.js";
import { Range } from "../../parts/range.js";
import { Select } from "../../parts/select.js";
import { changeSettings, settings } from "../../state/draft-store.js";
import { MAX_LORAS, withLora, withoutLora } from "../../state/loras.js";
import { t } from "../../words/index.js";

/** Range of the slider; more can be typed. */
const SLIDER = { min: 0, max: 2 };

/** @param {{ model: import("renderq").Model }} props */
export function LoraSettings({ model }) {
  const chosen = settings.value.loras ?? [];
  const others = model.loras.filter(({ name }) => !chosen.some((one) => one.name === name));
  if (!model.loras.length) return null;
  const options = [{ value: "", text: chosen.length ? t.settings.anotherLora : t.settings.noLora }];
  for (const { name, title } of others) options.push({ value: name, text: title || name });
  return html`<${Field} name="loras" label=${t.settings.loras} id="loras">
    ${chosen.map((lora, index) => html`<${Chosen} key=${lora.name} lora=${lora} index=${index} model=${model} />`)}
    ${others.length > 0 &&
    chosen.length < MAX_LORAS &&
    html`<${Select} key=${chosen.length} id="loras" value="" options=${options} onChange=${(/** @type {string} */ name) => name && add(model, name)} />`}
  <//>`;
}

/** @param {{ lora: import("../../state/loras.js").Lora, index: number, model: import("renderq").Model }} props */
function Chosen({ lora, index, model }) {
  const { title = "", trigger = [] } = model.loras.find(({ name }) => name === lora.name) ?? {};
  const label = title || lora.name;
  const weight = lora.weight ?? 1;
  return html`<div class="lora">
    <${Range}
      name=${`loras.${index}.weight`}
      label=${label}
      min=${Math.min(weight, SLIDER.min)}
      max=${Math.max(weight, SLIDER.max)}
      step=${0.05}
      value=${weight}
      hint=${trigger.length ? t.settings.trigger(trigger.join(", ")) : undefined}
      onChange=${(/** @type {number} */ value) => changeSettings({ loras: withLora(settings.peek().loras, { name: lora.name, weight: value }) })}
    />
    <${Button} small kind="quiet" icon="close" label=${t.settings.removeLora(label)} onClick=${() => changeSettings({ loras: withoutLora(settings.peek().loras, lora.name) })} />
  </div>`;
}

/**
 * @param {import("renderq").Model} model
 * @param {string} name
 */
function add(model, name) {
  const weight = model.loras.find((one) => one.name === name)?.weight ?? 1;
  changeSettings({ loras: withLora(settings.peek().loras, { name, weight }) });
}
