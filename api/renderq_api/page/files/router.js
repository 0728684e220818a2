/** The current address, and how to leave it. */
import { signal } from "@preact/signals";

import { base, jobAddress, parseAddress } from "./routes.js";

/** @typedef {import("./routes.js").Route} Route */

const read = () => parseAddress(location.pathname, location.search, history.state?.under);

export const route = signal(read());

/**
 * @param {string} address
 * @param {{ replace?: boolean, state?: unknown }} [options]
 */
export function go(address, { replace = false, state = null } = {}) {
  if (replace) history.replaceState(state, "", address);
  else history.pushState(state, "", address);
  route.value = read();
}

/**
 * Show a picture above the current view.
 *
 * @param {string} id
 * @param {number} image
 */
export function openJob(id, image = 0) {
  const inside = route.value.jobId !== null;
  const state = inside ? history.state : { under: route.value.view, back: location.pathname + location.search };
  go(jobAddress(id, image), { replace: inside, state });
}

/** Return to where the job was opened from. */
export function closeJob() {
  if (history.state?.back) history.back();
  else go(base, { replace: true });
}

addEventListener("popstate", () => (route.value = read()));

addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!link.dataset.page) return;
  event.preventDefault();
  go(link.pathname + link.search);
  scrollTo(0, 0);
});
