/**
 * Calls of the HTTP API. Every one is in `/openapi.json`.
 *
 * @typedef {import("renderq").Job} Job
 * @typedef {import("renderq").JobList} JobList
 * @typedef {import("renderq").Batch} Batch
 * @typedef {import("renderq").CancelJobsResult} CancelJobsResult
 * @typedef {import("renderq").DeleteJobsResult} DeleteJobsResult
 * @typedef {import("renderq").JobRequest} JobRequest
 * @typedef {import("renderq").ImageLink} ImageLink
 * @typedef {import("renderq").ListedModels} ListedModels
 * @typedef {import("renderq").StyleList} StyleList
 * @typedef {import("renderq").WorkerList} WorkerList
 * @typedef {import("renderq").TenantList} TenantList
 * @typedef {import("renderq").FailureList} FailureList
 * @typedef {import("renderq").Stats} Stats
 * @typedef {import("renderq").LoadHistory} LoadHistory
 * @typedef {import("renderq").Me} Me
 * @typedef {import("renderq").Asset} Asset
 * @typedef {import("renderq").Visitor} Visitor
 */
import { key, requireKey } from "./keys.js";
import { ApiError } from "./problem.js";
import { base } from "./routes.js";

/** Jobs per page of a list, at most. */
export const MAX_PAGE_JOBS = 100;

/**
 * Send a request and return the response. Throws `ApiError`.
 *
 * @param {string} method
 * @param {string} path below the service's address, such as `v1/jobs`
 * @param {{ json?: unknown, form?: FormData, headers?: Record<string, string>, signal?: AbortSignal,
 *   keepalive?: boolean, sentKey?: string | null }} [options]
 */
export async function send(method, path, { json, form, headers = {}, signal, keepalive, sentKey = key.peek() } = {}) {
  const sent = new Headers(headers);
  if (sentKey) sent.set("Authorization", `Bearer ${sentKey}`);
  if (json !== undefined) sent.set("Content-Type", "application/json");
  const body = json === undefined ? form : JSON.stringify(json);
  let response;
  try {
    response = await fetch(base + path, { method, headers: sent, body, signal, keepalive, credentials: "omit" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, null);
  }
  if (response.ok) return response;
  if (response.status === 401) requireKey(sentKey);
  const problem = await response.json().catch(() => null);
  throw new ApiError(response.status, problem, Number(response.headers.get("Retry-After")) || null);
}

/**
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {Parameters<typeof send>[2]} [options]
 * @returns {Promise<T>}
 */
async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? /** @type {T} */ (undefined) : await response.json();
}

/** @param {string} id */
const jobPath = (id) => `v1/jobs/${encodeURIComponent(id)}`;

/**
 * @param {Partial<JobRequest>} request
 * @param {string} idempotencyKey
 * @returns {Promise<Job>}
 */
export const submitJob = (request, idempotencyKey) =>
  call("POST", "v1/jobs", { json: request, headers: { "Idempotency-Key": idempotencyKey } });

/**
 * @param {{ request: Record<string, unknown>, axes: readonly import("renderq").Axis[] }} sweep
 * @param {string} idempotencyKey
 * @returns {Promise<Batch>}
 */
export const submitBatch = (sweep, idempotencyKey) =>
  call("POST", "v1/batches", { json: sweep, headers: { "Idempotency-Key": idempotencyKey } });

/**
 * @param {Record<string, string> | URLSearchParams} query
 * @returns {Promise<JobList>}
 */
export const listJobs = (query) => call("GET", `v1/jobs?${new URLSearchParams(query)}`);

/** @type {(id: string) => Promise<Job>} */
export const getJob = (id) => call("GET", jobPath(id));

/** @type {(id: string) => Promise<Job>} */
export const cancelJob = (id) => call("POST", `${jobPath(id)}/cancel`);

/** @type {(id: string, idempotencyKey: string) => Promise<Job>} */
export const retryJob = (id, idempotencyKey) =>
  call("POST", `${jobPath(id)}/retry`, { headers: { "Idempotency-Key": idempotencyKey } });

/** @type {(id: string, place: { to?: "front" | "back", before?: string }) => Promise<Job>} */
export const moveJob = (id, place) => call("POST", `${jobPath(id)}/move`, { json: place });

/** @type {(selection: { status: "queued" } | { ids: readonly string[] }) => Promise<CancelJobsResult>} */
export const cancelJobs = (selection) => call("POST", "v1/jobs/cancel", { json: selection });

/** @type {(ids: readonly string[]) => Promise<DeleteJobsResult>} */
export const deleteJobs = (ids) => call("POST", "v1/jobs/delete", { json: { ids }, keepalive: true });

/** @type {(id: string, change: { kept?: boolean, labels?: string[] }) => Promise<Job>} */
export const annotateJob = (id, change) => call("PATCH", jobPath(id), { json: change });

/** @type {(id: string, index: number, link: { seconds?: number, download?: boolean }) => Promise<ImageLink>} */
export const linkImage = (id, index, link) => call("POST", `${jobPath(id)}/images/${index}/link`, { json: link });

/** @type {() => Promise<ListedModels>} */
export const listModels = () => call("GET", "v1/models");

/** @type {() => Promise<StyleList>} */
export const listStyles = () => call("GET", "v1/styles");

/** @type {() => Promise<WorkerList>} */
export const listWorkers = () => call("GET", "v1/workers");

/** @type {() => Promise<LoadHistory>} */
export const getLoadHistory = () => call("GET", "v1/stats/history");

/** @type {(id: string) => Promise<unknown>} */
export const drainWorker = (id) => call("POST", `v1/workers/${encodeURIComponent(id)}/drain`);

/** @type {() => Promise<TenantList>} */
export const listTenants = () => call("GET", "v1/tenants");

/** @type {() => Promise<FailureList>} */
export const listFailures = () => call("GET", "v1/failures");

/** @type {() => Promise<Stats>} */
export const getStats = () => call("GET", "v1/stats");

/**
 * Return whether the service accepts jobs, and what limits it.
 *
 * @returns {Promise<{ kind: "healthy" | "degraded" | "unhealthy", detail: string }>}
 */
export async function getReadiness() {
  try {
    const { status, problems } = await call("GET", "readyz");
    return { kind: status === "ok" ? "healthy" : "degraded", detail: problems.join(" ") };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { kind: "unhealthy", detail: error.status ? error.message : "" };
  }
}

/** Return the caller, or whose key another one is. @type {(sentKey?: string) => Promise<Me>} */
export const getMe = (sentKey) => call("GET", "v1/me", { sentKey });

/** @type {() => Promise<Visitor>} */
export const createVisitor = () => call("POST", "v1/visitors");

/** @type {(kind: "models" | "tenants", name: string, action: "pause" | "resume") => Promise<unknown>} */
export const setPaused = (kind, name, action) => call("POST", `v1/${kind}/${encodeURIComponent(name)}/${action}`);

/**
 * @param {Blob} file
 * @returns {Promise<Asset>}
 */
export function uploadAsset(file) {
  const form = new FormData();
  form.append("file", file);
  return call("POST", "v1/assets", { form });
}

/** Return a new key under which a submission can be repeated. Works without a secure context. */
export function newIdempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
