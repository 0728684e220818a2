/** Copies text. Without a secure context there is no clipboard: the text is shown, selected. */
import { signal } from "@preact/signals";

import { html } from "../html.js";
import { showToast } from "../state/toasts.js";
import { t } from "../words/index.js";
import { Dialog } from "./dialog.js";

const toCopy = signal(/** @type {string | null} */ (null));

/** @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    showToast({ text: t.toast.copied });
  } catch {
    toCopy.value = text;
  }
}

export function CopyDialog() {
  if (toCopy.value === null) return null;
  const select = (/** @type {HTMLTextAreaElement | null} */ field) => field?.select();
  return html`<${Dialog} title=${t.dialog.copyTitle} onClose=${() => (toCopy.value = null)}>
    <textarea class="copy-field" readonly rows="6" aria-label=${t.dialog.copyTitle} ref=${select} value=${toCopy.value}></textarea>
  <//>`;
}
