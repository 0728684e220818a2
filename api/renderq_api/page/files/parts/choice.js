/** One of a few values: a row of radio buttons. */
import { useId } from "preact/hooks";

import { html } from "../html.js";

/**
 * @template {string | number} T
 * @param {{ label: string, value: T | null, options: readonly { value: T, text: unknown, title?: string,
 *   disabled?: boolean }[], onChange: (value: T) => void, kind?: string }} props
 */
export function Choice({ label, value, options, onChange, kind = "" }) {
  const name = useId();
  return html`<div class=${`choice ${kind}`} role="radiogroup" aria-label=${label}>
    ${options.map(
      (option) => html`<label key=${option.value} title=${option.title}>
        <input
          type="radio"
          name=${name}
          checked=${option.value === value}
          disabled=${option.disabled}
          aria-label=${option.title}
          onChange=${() => onChange(option.value)}
        />
        <span>${option.text}</span>
      </label>`,
    )}
  </div>`;
}
