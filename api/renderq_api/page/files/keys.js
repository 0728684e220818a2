/**
 * The API key: the reader's own one, kept for this tab or on this device; else that of a visitor, kept on this device.
 * Sent in a header only, never in a URL.
 */
import { signal } from "@preact/signals";

import { isOpenDemo } from "./routes.js";

const OWN = "renderq.key";
const VISITOR = "renderq.visitor";

/** Return the reader's own key, or null. */
export const ownKey = () => localStorage.getItem(OWN) ?? sessionStorage.getItem(OWN);

/** Return the visitor's key of this device, or null. */
export const visitorKey = () => localStorage.getItem(VISITOR);

/** The key, or null. */
export const key = signal(ownKey() ?? visitorKey());

/**
 * Why a key is needed: none is there, the service refuses it, the reader wants to sign in, or a visitor's key is being
 * asked for. `null` while none is needed.
 */
export const signInReason = signal(
  /** @type {"missing" | "refused" | "wanted" | "visit" | null} */ (isOpenDemo && !key.value ? "visit" : null),
);

/**
 * @param {string} value
 * @param {boolean} remember keep it on this device
 */
export function storeKey(value, remember) {
  clear();
  (remember ? localStorage : sessionStorage).setItem(OWN, value);
  key.value = value;
  signInReason.value = null;
}

/** @param {string} value */
export function storeVisitorKey(value) {
  localStorage.setItem(VISITOR, value);
  if (ownKey()) return;
  key.value = value;
  if (signInReason.peek() === "visit") signInReason.value = null;
}

/** Forget the reader's own key, in every tab. */
export function signOut() {
  clear();
  // Everything that the page has shown belongs to another tenant than the visitor's.
  if (isOpenDemo) return location.reload();
  key.value = null;
  signInReason.value = "missing";
}

/**
 * Ask for a key: the service answered 401.
 *
 * @param {string | null} sent the key of that request, which may have been replaced meanwhile
 */
export function requireKey(sent) {
  if (sent !== key.peek()) return;
  if (isOpenDemo && !ownKey()) {
    if (sent === visitorKey()) localStorage.removeItem(VISITOR);
    key.value = visitorKey(); // another tab may have got a new one already
    signInReason.value = key.value ? null : "visit";
  } else signInReason.value = sent ? "refused" : "missing";
}

/** End a sign-in to an open demo: the reader stays a visitor. */
export function cancelSignIn() {
  if (signInReason.peek() === "refused") return signOut();
  signInReason.value = key.peek() ? null : "visit";
}

function clear() {
  localStorage.removeItem(OWN);
  sessionStorage.removeItem(OWN);
}

addEventListener("storage", (event) => {
  if (event.key === VISITOR && event.newValue) storeVisitorKey(event.newValue);
  if (event.key === OWN || event.key === null) {
    const stored = localStorage.getItem(OWN);
    if (stored) storeKey(stored, true);
    else if (!sessionStorage.getItem(OWN) && key.value) signOut();
  }
});
