/** Icons: strokes of 1.7 in a square of 24. */
import { html } from "./html.js";

/** @type {Record<string, string>} */
const PATHS = {
  create: "M4 20l1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19l-4 1ZM14 7l3 3",
  queue: "M4 6h16M4 12h16M4 18h10",
  gallery: "M4 5h7v7H4ZM15 5h5v5h-5ZM15 14h5v5h-5ZM4 16h7v3H4Z",
  models: "M12 3l8 4.5v9L12 21l-8-4.5v-9ZM4 7.5l8 4.5 8-4.5M12 12v9",
  workers: "M7 7h10v10H7ZM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0ZM11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0ZM17 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0Z",
  down: "M7 10l5 5 5-5",
  right: "M10 7l5 5-5 5",
  left: "M14 7l-5 5 5 5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  heart: "M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.3 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10Z",
  download: "M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14",
  refresh: "M19 8a8 8 0 1 0 1 5M19.5 4v4.5H15",
  seed: "M5 5h14v14H5ZM9 9h.01M15 9h.01M9 15h.01M15 15h.01M12 12h.01",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16 16l4.5 4.5",
  plus: "M12 5v14M5 12h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  info: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 11v5M12 8h.01",
  copy: "M9 9h10v11H9ZM15 9V4H5v11h4",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM5 20c.7-3.5 3.5-5 7-5s6.3 1.5 7 5",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.5v13l10-6.5Z",
  compare: "M12 3v18M9 6H4v12h5M15 6h5v12h-5",
  zoom: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  tag: "M4 4h7l9 9-7 7-9-9ZM8 8h.01",
  key: "M14 10a4 4 0 1 0-4 4 4 4 0 0 0 2.5-.9L20 20M16 16l2-2",
  warning: "M12 4l9 16H3ZM12 10v5M12 17.5h.01",
  addImage: "M20 11v8H4V5h9M4 16l5-5 4 4 2-2 5 5M19 2v6M16 5h6",
  handle: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  sweep: "M4 4h7v7H4ZM13 4h7v7h-7ZM4 13h7v7H4ZM13 13h7v7h-7Z",
  first: "M6 5h12M12 20V9M7.5 13.5L12 9l4.5 4.5",
  brush: "M14 4l6 6-8 6-4-4ZM8 12c-3 0-4 2-4 4s-1 3-1 3c4 2 9 1 9-3",
  undo: "M9 7L4 12l5 5M4 12h11a5 5 0 0 1 0 10h-2",
  redo: "M15 7l5 5-5 5M20 12H9a5 5 0 0 0 0 10h2",
  image: "M4 5h16v14H4ZM4 16l5-5 4 4 3-3 4 4M15.5 9h.01",
};

/**
 * @param {{ name: string, size?: number, filled?: boolean }} props
 */
export function Icon({ name, size = 18, filled = false }) {
  return html`<svg
    class="icon"
    viewBox="0 0 24 24"
    width=${size}
    height=${size}
    fill=${filled ? "currentColor" : "none"}
    stroke="currentColor"
    stroke-width="1.7"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d=${PATHS[name]} />
  </svg>`;
}
