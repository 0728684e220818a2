/** How this browser shows the page. */
import { effect } from "@preact/signals";

import { storedSignal } from "./storage.js";

/** @typedef {"system" | "light" | "dark"} Theme */

export const theme = storedSignal("theme", /** @type {Theme} */ ("system"));

/** Language code, or null for the browser's. */
export const language = storedSignal("language", /** @type {string | null} */ (null));

/** Whether single letters act (WCAG 2.1.4). */
export const letterKeys = storedSignal("letterKeys", true);

/** Row height of the gallery in pixels. */
export const rowHeight = storedSignal("rowHeight", 220);

/** Whether the hint below the first result was seen. */
export const hintSeen = storedSignal("hintSeen", false);

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
