/**
 * Addresses of the page.
 *
 * @typedef {"create" | "queue" | "gallery" | "models" | "workers" | "sign-in"} View
 * @typedef {{ view: View, jobId: string | null, image: number, query: URLSearchParams }} Route
 */

/** Path of the service, with a slash at its end. */
export const base = globalThis.document?.documentElement.dataset.base ?? "/";

/** Whether the service is an open demo, which has a key for everybody. */
export const isOpenDemo = globalThis.document?.documentElement.dataset.visitors === "on";

export const VIEWS = /** @type {const} */ (["create", "queue", "gallery", "models", "workers"]);

/**
 * Return what an address shows. A job is shown above the view that it was opened from.
 *
 * @param {string} path
 * @param {string} search
 * @param {View} [under] view below an opened job
 * @param {string} [root]
 * @returns {Route}
 */
export function parseAddress(path, search, under = "create", root = base) {
  const [name = "", id] = path.slice(root.length).split("/");
  const query = new URLSearchParams(search);
  if (name === "jobs" && id) {
    const image = Number(query.get("image"));
    return { view: under, jobId: decodeURIComponent(id), image: Number.isInteger(image) && image > 0 ? image : 0, query };
  }
  const view = /** @type {View} */ ([...VIEWS, "sign-in"].includes(name) ? name : "create");
  return { view, jobId: null, image: 0, query };
}

/**
 * @param {View} view
 * @returns {string}
 */
export const viewAddress = (view) => base + (view === "create" ? "" : view);

/**
 * @param {string} id
 * @param {number} [image] index, from 0
 */
export const jobAddress = (id, image = 0) => `${base}jobs/${encodeURIComponent(id)}${image ? `?image=${image}` : ""}`;
