/** Deeds that the service may refuse. */
import { ApiError, fieldErrors, otherMessages } from "../problem.js";
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
    if (error.status !== 401) showToast({ text: reasonOf(error), kind: "bad" });
    return null;
  }
}

/**
 * Return why a request was refused, in words for its reader.
 *
 * @param {ApiError} error
 */
export function reasonOf(error) {
  if (!error.status) return t.errors.offline;
  if (error.code === "daily_limit_reached") return t.visit.noMoreJobs;
  return error.problem?.errors?.length ? otherMessages(fieldErrors(error.problem), []) : error.message;
}
