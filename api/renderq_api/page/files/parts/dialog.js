/** Dialogs and sheets: `<dialog>`, so focus stays inside and returns to where it was. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../words/index.js";
import { Button } from "./button.js";
import { DialogToasts } from "./toast.js";

/**
 * @param {{ title: string, onClose: () => void, children: unknown, kind?: string, closable?: boolean,
 *   bare?: boolean }} props `bare`: the title is read aloud only
 */
export function Dialog({ title, onClose, children, kind = "", closable = true, bare = false }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (closable) onClose();
  };
  const clickBackdrop = (/** @type {Event} */ event) => {
    if (closable && event.target === ref.current) onClose();
  };
  return html`<dialog ref=${ref} class=${`dialog ${kind}`} aria-label=${title} onCancel=${cancel} onClick=${clickBackdrop}>
    <div class="dialog-body">
      ${!bare && html`<header>
        <h2>${title}</h2>
        ${closable && html`<${Button} kind="quiet" icon="close" label=${t.dialog.close} onClick=${onClose} />`}
      </header>`}
      ${children}
    </div>
    <${DialogToasts} />
  </dialog>`;
}

/**
 * A question, with what happens if it is answered.
 *
 * @typedef {{ text: string, confirm: string, keep?: string, onConfirm: () => void }} Question
 *   `keep`: words of the button that changes nothing
 */
export const question = signal(/** @type {Question | null} */ (null));

/** Shows the open question. */
export function QuestionDialog() {
  const open = question.value;
  if (!open) return null;
  const close = () => (question.value = null);
  const confirm = () => {
    close();
    open.onConfirm();
  };
  return html`<${Dialog} title=${open.text} kind="question" bare onClose=${close}>
    <p>${open.text}</p>
    <footer>
      <${Button} onClick=${close}>${open.keep ?? t.dialog.keepThem}<//>
      <${Button} kind="danger" onClick=${confirm}>${open.confirm}<//>
    </footer>
  <//>`;
}
