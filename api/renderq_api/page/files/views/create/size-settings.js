/** Shape and size of the images; exact sides behind them. */
import { html } from "../../html.js";
import { Choice } from "../../parts/choice.js";
import { Field, useFieldMessage } from "../../parts/field.js";
import { changeSettings, settings } from "../../state/draft-store.js";
import { amountsFor, describeSides, SHAPES, sidesFor } from "../../state/sizes.js";
import { refusedFields } from "../../state/submission.js";
import { t } from "../../words/index.js";

/**
 * @typedef {import("renderq").Model} Model
 * @typedef {import("../../state/sizes.js").Shape} Shape
 * @typedef {import("../../state/sizes.js").Amount} Amount
 */

/** @param {{ model: Model }} props */
export function SizeSettings({ model }) {
  const { width = model.defaults.width, height = model.defaults.height } = settings.value;
  const { shape, amount } = describeSides(model, width, height);
  const change = (/** @type {Shape} */ newShape, /** @type {Amount} */ newAmount) => {
    const [w, h] = sidesFor(model, newShape, newAmount);
    changeSettings({ width: w, height: h });
  };
  const shapes = /** @type {Shape[]} */ (Object.keys(SHAPES));
  const amounts = amountsFor(model, shape ?? "square");
  return html`
    <${Field} name="shape" label=${t.settings.shape}>
      <${Choice}
        kind="shapes"
        label=${t.settings.shape}
        value=${shape}
        options=${shapes.map((one) => ({ value: one, text: html`<i class="shape" data-shape=${one}></i>`, title: t.settings.shapes[one] }))}
        onChange=${(/** @type {Shape} */ one) => change(one, amount ?? "m")}
      />
    <//>
    <${Field} name="size" label=${t.settings.size}>
      <div class="size-row">
        <${Choice}
          label=${t.settings.size}
          value=${amount}
          options=${amounts.map((one) => ({ value: one, text: t.settings.sizes[one], title: t.settings.sizeNames[one] }))}
          onChange=${(/** @type {Amount} */ one) => change(shape ?? "square", one)}
        />
        <${Side} name="width" label=${t.settings.width} value=${width} model=${model} />
        <span aria-hidden="true">×</span>
        <${Side} name="height" label=${t.settings.height} value=${height} model=${model} />
      </div>
      <${SideMessage} />
    <//>
  `;
}

/** @param {{ name: "width" | "height", label: string, value: number, model: Model }} props */
function Side({ name, label, value, model }) {
  const take = (/** @type {Event} */ event) => {
    const number = /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber;
    if (!Number.isNaN(number)) changeSettings({ [name]: number });
  };
  return html`<input
    type="number"
    class="number"
    aria-label=${label}
    aria-invalid=${refusedFields.value[name] ? "true" : undefined}
    min=${model.limits.size_multiple}
    max=${model.limits.max_side}
    step=${model.limits.size_multiple}
    value=${value}
    onChange=${take}
  />`;
}

function SideMessage() {
  const message = useFieldMessage("width", "height");
  return message && html`<p class="message" role="alert">${message}</p>`;
}
