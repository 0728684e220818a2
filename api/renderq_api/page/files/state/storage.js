/** Signals whose values this browser keeps, for all tabs. */
import { effect, signal } from "@preact/signals";

/**
 * Return a signal that is read from the browser's storage and written to it.
 *
 * @template T
 * @param {string} name
 * @param {T} initial
 * @param {(stored: unknown) => T} [restore]
 */
export function storedSignal(name, initial, restore = (stored) => /** @type {T} */ (stored)) {
  const stored = readStored(`renderq.${name}`);
  const value = signal(stored === undefined ? initial : restore(stored));
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(`renderq.${name}`, text);
    } catch {
      // Full or forbidden: the value lasts as long as the tab.
    }
  });
  return value;
}

/** @param {string} name */
function readStored(name) {
  try {
    const text = localStorage.getItem(name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
