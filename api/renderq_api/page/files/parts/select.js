/** One of many values. */
import { html } from "../html.js";
import { Icon } from "../icons.js";

/**
 * @param {{ id?: string, label?: string, value: string, options: readonly { value: string, text: string }[],
 *   onChange: (value: string) => void, compact?: boolean }} props
 */
export function Select({ id, label, value, options, onChange, compact = false }) {
  const take = (/** @type {Event} */ event) => onChange(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
  return html`<span class=${compact ? "select compact" : "select"}>
    <select id=${id} aria-label=${label} value=${value} onChange=${take}>
      ${options.map(({ value: key, text }) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
    <${Icon} name="down" size=${16} />
  </span>`;
}
