/** A job's request as code. */
import { base } from "../routes.js";
import { draftOf, toRequest } from "./draft.js";
import { findModel, me } from "./service.js";
import { snippet } from "./snippets.js";

/**
 * @param {import("renderq").Job} job
 * @param {import("./snippets.js").SnippetKind} kind
 */
export function snippetOf(job, kind) {
  const model = findModel(job.model);
  const request = model
    ? toRequest(draftOf(job, model, { seed: Number(job.request.seed) }), model)
    : /** @type {Record<string, unknown>} */ (job.request);
  return snippet(request, kind, location.origin + base, Boolean(me.peek()?.key));
}
