/** A slider with its number, which can be typed. */
import { useId } from "preact/hooks";

import { html } from "../html.js";
import { refusedFields } from "../state/submission.js";
import { Field } from "./field.js";

/**
 * @param {{ name: string, label: string, min: number, max: number, step?: number, value: number,
 *   onChange: (value: number) => void, hint?: string }} props
 */
export function Range({ name, label, min, max, step = 1, value, onChange, hint }) {
  const id = useId();
  const share = max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0;
  const take = (/** @type {Event} */ event) => {
    const number = /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber;
    if (Number.isNaN(number)) return;
    onChange(number);
  };
  const message = refusedFields.value[name];
  return html`<${Field} name=${name} label=${label} id=${id} hint=${hint}>
    <input
      type="number"
      class="number"
      id=${id}
      min=${min}
      max=${max}
      step=${step}
      value=${value}
      aria-invalid=${message ? "true" : undefined}
      aria-describedby=${message ? `${name}-message` : undefined}
      onChange=${take}
    />
    <input
      type="range"
      class="range"
      aria-label=${label}
      min=${min}
      max=${max}
      step=${step}
      value=${value}
      style=${{ "--share": String(share) }}
      onInput=${take}
    />
  <//>`;
}
