/** A labelled control; what the service says of its value stands below it. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";

import { html } from "../html.js";
import { isWithin } from "../problem.js";
import { flashed } from "../state/draft-store.js";
import { refusedFields } from "../state/submission.js";

/** Fields on the screen, which show their message themselves. */
export const visibleFields = signal(/** @type {readonly string[]} */ ([]));

/**
 * Show the message of a field, or of some: return it, and count them as visible.
 *
 * @param {...string} names
 */
export function useFieldMessage(...names) {
  useLayoutEffect(() => {
    visibleFields.value = [...visibleFields.peek(), ...names];
    return () => {
      const others = [...visibleFields.peek()];
      for (const name of names) others.splice(others.indexOf(name), 1);
      visibleFields.value = others;
    };
  }, []);
  return Object.entries(refusedFields.value)
    .filter(([field]) => names.some((name) => isWithin(field, name)))
    .map(([, message]) => message)
    .join(" ");
}

/**
 * @param {{ name: string, label?: unknown, hint?: unknown, id?: string, children: unknown, inline?: boolean }} props
 *   `name`: the request's field
 */
export function Field({ name, label, hint, id, children, inline = false }) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  const message = useFieldMessage(name);
  useLayoutEffect(() => {
    const fold = message && ref.current?.closest("details");
    if (fold) fold.open = true;
  }, [message]);
  const classes = ["field", inline && "inline", flashed.value.has(name) && "flash", message && "refused"];
  return html`<div ref=${ref} class=${classes.filter(Boolean).join(" ")} data-field=${name}>
    ${label && (id ? html`<label class="label" for=${id}>${label}</label>` : html`<span class="label">${label}</span>`)}
    ${children}
    ${hint && !message && html`<p class="hint">${hint}</p>`}
    ${message && html`<p class="message" id=${`${name}-message`} role="alert">${message}</p>`}
  </div>`;
}
