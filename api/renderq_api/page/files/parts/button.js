/** Buttons: round-ended with words, square with an icon alone. */
import { html } from "../html.js";
import { Icon } from "../icons.js";

/**
 * @param {{ icon?: string, filled?: boolean, kind?: "primary" | "quiet" | "plain" | "danger", label?: string,
 *   small?: boolean, children?: import("preact").ComponentChildren, [attribute: string]: unknown }} props
 *   `label`: name of a button that shows only an icon
 */
export function Button({ icon, filled, kind = "plain", label, small = false, children, ...attributes }) {
  const classes = ["button", kind, small && "small", !children && "square"].filter(Boolean).join(" ");
  return html`<button type="button" class=${classes} aria-label=${label} title=${label} ...${attributes}>
    ${icon && html`<${Icon} name=${icon} filled=${filled} size=${small ? 16 : 18} />`}${children}
  </button>`;
}
