/** The feed: jobs, newest first; older ones are read as it is scrolled. */
import { html } from "../../html.js";
import { Sentinel } from "../../parts/sentinel.js";
import { ids } from "../../state/job-store.js";
import { setPointerOverCard, shown } from "../../state/feed.js";
import { hasOlder, readOlder } from "../../state/older-jobs.js";
import { connection } from "../../state/service.js";
import { Card } from "./card.js";
import { WaitingCard } from "./waiting-card.js";
import { Hint, Welcome } from "./welcome.js";

export function Feed() {
  const isKnown = connection.value === "live" || ids.value.length > 0;
  if (!isKnown) return html`<div class="feed" aria-busy="true"></div>`;
  if (!shown.value.length) return html`<${Welcome} />`;
  return html`<div
    class="feed"
    onPointerOver=${(/** @type {PointerEvent} */ event) => setPointerOverCard(isOverCard(event))}
    onPointerLeave=${() => setPointerOverCard(false)}
  >
    <${Hint} />
    ${shown.value.map((item) =>
      item.kind === "waiting"
        ? html`<${WaitingCard} key=${item.id} some=${item.ids} />`
        : html`<${Card} key=${item.id} id=${item.id} />`,
    )}
    ${hasOlder.value && html`<${Sentinel} onNear=${readOlder} />`}
  </div>`;
}

/** @param {PointerEvent} event */
const isOverCard = ({ target, pointerType }) =>
  pointerType === "mouse" && target instanceof Element && target.closest(".card") !== null;
