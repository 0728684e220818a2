/** What stands where nothing is. */
import { html } from "../html.js";
import { Icon } from "../icons.js";

/** @param {{ icon: string, title: string, text: string, children?: unknown }} props */
export function Empty({ icon, title, text, children }) {
  return html`<section class="empty">
    <${Icon} name=${icon} size=${32} />
    <h2>${title}</h2>
    <p>${text}</p>
    ${children}
  </section>`;
}
