/** A button that opens a list of deeds, in the browser's top layer. */
import { useId, useRef } from "preact/hooks";

import { html } from "../html.js";
import { Icon } from "../icons.js";

const GAP_PX = 6;

/**
 * @param {{ button: Record<string, unknown>, face: unknown, children: unknown, label: string }} props
 *   `button`: attributes of the button; `face`: what it shows
 */
export function Menu({ button, face, children, label }) {
  const id = useId();
  const anchor = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  const place = (/** @type {ToggleEvent} */ event) => {
    if (event.newState !== "open" || !anchor.current || !list.current) return;
    placeBeside(list.current, anchor.current);
    items(list.current)[0]?.focus();
  };
  const close = (/** @type {Event} */ event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("[role=menuitem]")) list.current?.hidePopover();
  };
  return html`<button type="button" ref=${anchor} popovertarget=${id} aria-haspopup="menu" aria-label=${label} title=${label} ...${button}>${face}</button>
    <div class="menu" popover="auto" id=${id} ref=${list} role="menu" aria-label=${label} onToggle=${place} onClick=${close} onKeyDown=${moveFocus}>
      ${children}
    </div>`;
}

/**
 * @param {{ icon?: string, onClick: () => void, children: unknown, danger?: boolean }} props
 */
export function MenuItem({ icon, onClick, children, danger = false }) {
  return html`<button type="button" role="menuitem" tabindex="-1" class=${danger ? "danger" : ""} onClick=${onClick}>
    ${icon ? html`<${Icon} name=${icon} size=${16} />` : html`<span class="no-icon"></span>`}<span>${children}</span>
  </button>`;
}

/** @param {HTMLElement} list */
const items = (list) => [...list.querySelectorAll(/** @type {"button"} */ ("[role=menuitem], input, select"))];

/** @param {KeyboardEvent} event */
function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target instanceof HTMLSelectElement) return;
  const all = items(/** @type {HTMLElement} */ (event.currentTarget));
  const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  all.at((at + step) % all.length)?.focus();
  event.preventDefault();
}

/**
 * Place an element below its anchor, or above it where there is more room, within the window.
 *
 * @param {HTMLElement} element
 * @param {HTMLElement} anchor
 */
function placeBeside(element, anchor) {
  const from = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const below = from.bottom + GAP_PX + height <= innerHeight || from.top < innerHeight - from.bottom;
  const top = below ? from.bottom + GAP_PX : from.top - GAP_PX - height;
  const left = from.left + width <= innerWidth - GAP_PX ? from.left : from.right - width;
  element.style.top = `${Math.max(GAP_PX, top)}px`;
  element.style.left = `${Math.max(GAP_PX, left)}px`;
}
