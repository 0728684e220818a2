/**
 * What the page knows of the service: the caller, models, load, and whether it answers.
 *
 * @typedef {import("renderq").Me} Me
 * @typedef {import("renderq").Model} Model
 * @typedef {import("renderq").Stats} Stats
 * @typedef {import("renderq").Style} Style
 */
import { computed, signal } from "@preact/signals";

import { getMe, getStats, listModels, listStyles } from "../api.js";
import { signInReason } from "../keys.js";
import { base } from "../routes.js";

export const me = signal(/** @type {Me | null} */ (null));

/** All models, or null until they are known. */
export const models = signal(/** @type {readonly Model[] | null} */ (null));

export const styles = signal(/** @type {readonly Style[]} */ ([]));

export const stats = signal(/** @type {Stats | null} */ (null));

/** Whether the service answers: `connecting` for the first two seconds without an answer, then `lost`. */
export const connection = signal(/** @type {"connecting" | "live" | "lost"} */ ("connecting"));

/** Whether the service runs another version of the page. */
export const isUpdated = signal(false);

export const isAdmin = computed(() => me.value !== null && (me.value.key === null || me.value.role === "admin"));

/** What a visitor of an open demo may do; null for anybody else. */
export const visitorLimits = computed(() => me.value?.limits.visitor ?? null);

/** Whether the reader is a visitor, or becomes one. */
export const isVisitor = computed(() => visitorLimits.value !== null || signInReason.value === "visit");

/** @param {string} name */
export const findModel = (name) => models.value?.find((model) => model.name === name);

/** Read everything anew. Throws `ApiError`. */
export async function readService() {
  const [caller, list, looks, load] = await Promise.all([getMe(), listModels(), listStyles(), getStats()]);
  me.value = caller;
  models.value = list.data;
  styles.value = looks.data;
  stats.value = load;
}

/** Models with their load: they change when workers come and go. */
export async function readModels() {
  models.value = (await listModels()).data;
}

/** @param {Stats} load */
export function putStats(load) {
  const before = stats.peek();
  stats.value = load;
  if (before && before.workers !== load.workers) void readModels().catch(() => {});
}

/** Look whether the service has another version of the page than this one. */
export async function checkVersion() {
  const digest = /\/ui\/([0-9a-f]+)\//.exec(import.meta.url)?.[1];
  const response = await fetch(base, { cache: "no-cache" }).catch(() => null);
  if (digest && response?.ok) isUpdated.value = !(await response.text()).includes(`/ui/${digest}/`);
}
