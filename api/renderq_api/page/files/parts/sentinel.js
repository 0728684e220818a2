/** End of a list that goes on: reads more of it when it comes near the window. */
import { useEffect, useRef } from "preact/hooks";

import { html } from "../html.js";

/** @param {{ onNear: () => unknown }} props */
export function Sentinel({ onNear }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && void onNear(), { rootMargin: "1000px" });
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return html`<div ref=${ref} class="sentinel"></div>`;
}
