/** Messages at the lower edge, and the live region for those who do not see them. */
import { useLayoutEffect, useMemo } from "preact/hooks";
import { signal } from "@preact/signals";

import { html } from "../html.js";
import { announcement, toasts } from "../state/toasts.js";
import { t } from "../words/index.js";
import { Button } from "./button.js";

/** Modal dialogs that are open, the topmost last. */
const dialogs = signal(/** @type {readonly symbol[]} */ ([]));

export function Toasts() {
  return html`${!dialogs.value.length && html`<${List} />`}
    <div class="unseen" role="status" aria-live="polite">${announcement.value}</div>`;
}

/** The messages inside a modal dialog, which keeps everything outside it out of sight and reach. */
export function DialogToasts() {
  const dialog = useMemo(() => Symbol(), []);
  useLayoutEffect(() => {
    dialogs.value = [...dialogs.peek(), dialog];
    return () => (dialogs.value = dialogs.peek().filter((one) => one !== dialog));
  }, []);
  return dialogs.value.at(-1) === dialog && html`<${List} />`;
}

function List() {
  return html`<div class="toasts" role="status">
    ${toasts.value.map(
      (toast) => html`<div class=${`toast ${toast.kind ?? ""}`} key=${toast.id}>
        <span>${toast.text}</span>
        ${toast.action && html`<button type="button" onClick=${toast.action.run}>${toast.action.label}</button>`}
        ${toast.undo && html`<button type="button" onClick=${toast.undo}>${t.toast.undo}</button>`}
        <${Button} kind="quiet" small icon="close" label=${t.toast.dismiss} onClick=${toast.done} />
      </div>`,
    )}
  </div>`;
}
