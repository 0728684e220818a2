/** The time, for sentences such as "2 min ago". Ticks every ten seconds while the page is visible. */
import { signal } from "@preact/signals";

export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 10_000);

document.addEventListener("visibilitychange", () => (now.value = Date.now()));
