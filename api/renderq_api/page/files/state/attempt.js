/** Deeds that the service may refuse. */
import { ApiError } from "../problem.js";
import { t } from "../words/index.js";
import { showToast } from "./toasts.js";

/**
 * Do something; where it is refused, show why and return null.
 *
 * @template T
 * @param {() => Promise<T>} deed
 * @returns {Promise<T | null>}
 */
export async function attempt(deed) {
  try {
    return await deed();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 401) showToast({ text: error.status ? error.message : t.errors.offline, kind: "bad" });
    return null;
  }
}
