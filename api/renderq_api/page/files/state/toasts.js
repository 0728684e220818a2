/**
 * Short messages at the edge of the page, and deeds that wait for an "Undo".
 *
 * @typedef {{ text: string, kind?: "bad", undo?: () => void, action?: { label: string, run: () => void } }} Message
 * @typedef {Message & { id: number, done: () => void }} Toast
 */
import { signal } from "@preact/signals";

const SHOWN_MS = 8_000;

export const toasts = signal(/** @type {Toast[]} */ ([]));

let lastId = 0;

/** Deeds that have not been done yet. @type {Map<number, () => void>} */
const pending = new Map();

/**
 * Show a message for eight seconds.
 *
 * @param {Message} message
 * @param {() => void} [whenDone] called at the end, unless undone
 */
export function showToast(message, whenDone = () => {}) {
  const id = ++lastId;
  const done = () => {
    clearTimeout(timer);
    if (!pending.delete(id)) return;
    toasts.value = toasts.peek().filter((toast) => toast.id !== id);
    whenDone();
  };
  const timer = setTimeout(done, SHOWN_MS);
  pending.set(id, done);
  const undo = message.undo && (() => {
    clearTimeout(timer);
    pending.delete(id);
    toasts.value = toasts.peek().filter((toast) => toast.id !== id);
    message.undo?.();
  });
  toasts.value = [...toasts.peek().slice(-2), { ...message, id, undo, done }];
}

/** Undo the newest deed that can be undone. Returns whether there was one. */
export function undoLast() {
  const toast = toasts.peek().findLast(({ undo }) => undo);
  toast?.undo?.();
  return toast !== undefined;
}

/** The page is left: what waits for an "Undo" is done now. */
addEventListener("pagehide", () => [...pending.values()].forEach((done) => done()));

/** Text for the live region: starts and ends of jobs. */
export const announcement = signal("");
