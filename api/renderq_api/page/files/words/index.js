/**
 * Words of the page in the browser's language, or the one that its reader chose.
 *
 * @typedef {typeof import("./en.js").default} Words
 */
import { language } from "../state/preferences.js";
import de from "./de.js";
import en from "./en.js";
import { createFormats } from "./format.js";

/** @type {Record<string, Words>} */
const LANGUAGES = { en, de };

const wanted = [language.value ?? "", ...navigator.languages].map((code) => code.slice(0, 2));

const code = wanted.find((name) => name in LANGUAGES) ?? "en";

/** Every sentence. */
export const t = LANGUAGES[code];

/** Numbers and times. */
export const f = createFormats(navigator.languages.find((locale) => locale.startsWith(code)) ?? code);

document.documentElement.lang = code;
