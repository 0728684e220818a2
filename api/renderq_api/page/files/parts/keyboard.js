/** Keys that act anywhere. Single letters never act in a text field, and can be switched off. */
import { signal } from "@preact/signals";

import { go } from "../router.js";
import { viewAddress } from "../routes.js";
import { change } from "../state/draft-store.js";
import { letterKeys } from "../state/preferences.js";
import { undoLast } from "../state/toasts.js";

const VIEW_KEYS = /** @type {const} */ ({ c: "create", q: "queue", g: "gallery", m: "models", w: "workers" });

/** Time within which the letter of a view follows `g`. */
const SEQUENCE_MS = 1_000;

let lastG = 0;

/** Whether the list of keys is open. */
export const shortcutsOpen = signal(false);

/** Start listening. */
export function startKeyboard() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTextField(event.target)) return;
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      if (undoLast()) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !letterKeys.value || document.querySelector("dialog[open]")) return;
    if (actOn(event.key)) event.preventDefault();
  });
}

/**
 * @param {string} key
 * @returns {boolean} whether it did something
 */
function actOn(key) {
  const view = Date.now() - lastG < SEQUENCE_MS && VIEW_KEYS[/** @type {"c"} */ (key)];
  lastG = 0;
  if (view) go(viewAddress(view));
  else if (key === "g") lastG = Date.now();
  else if (key === "?") shortcutsOpen.value = true;
  else if (key === "/") focusPrompt();
  else if ("1248".includes(key)) change({ n: Number(key) });
  else return false;
  return true;
}

/** Show the composer with the focus in the prompt. */
function focusPrompt() {
  if (!document.querySelector("#prompt")) go(viewAddress("create"));
  requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector("#prompt"))?.focus());
}

/** @param {EventTarget | null} target */
export const isTextField = (target) =>
  target instanceof HTMLElement &&
  target.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])");
