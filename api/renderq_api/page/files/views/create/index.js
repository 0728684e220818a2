/** Create: the composer, the feed of jobs, the settings beside them. */
import { signal } from "@preact/signals";

import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { lazy } from "../../parts/lazy.js";
import { isVisitor } from "../../state/service.js";
import { isSweeping } from "../../state/sweep-table.js";
import { t } from "../../words/index.js";
import { Composer } from "./composer.js";
import { RunYourOwn, VisitNotice } from "./visit.js";

/** The prompt can be used before these have been loaded. */
const Feed = lazy(async () => (await import("./feed.js")).Feed);
const Settings = lazy(async () => (await import("./settings.js")).Settings);

const media = matchMedia("(min-width: 1040px)");

/** Whether the settings have a column of their own, as in the style sheets. */
const isWide = signal(media.matches);

media.addEventListener("change", () => (isWide.value = media.matches));

/** Whether the settings are open where they have no column of their own. */
const sheetOpen = signal(false);

/** Where the composer has no room for it, the sheet offers a sweep. */
function sweep() {
  sheetOpen.value = false;
  isSweeping.value = true;
}

export function Create() {
  return html`<div class="create">
    <div class="create-main">
      <h1 class="unseen">${t.views.create}</h1>
      <${Composer} onSettings=${() => (sheetOpen.value = true)} />
      <${VisitNotice} />
      <${Feed} />
      <${RunYourOwn} />
    </div>
    ${isWide.value && html`<aside class="settings" aria-label=${t.settings.title}><${Settings} /></aside>`}
    ${!isWide.value &&
    sheetOpen.value &&
    html`<${Dialog} kind="sheet" title=${t.settings.title} onClose=${() => (sheetOpen.value = false)}><${Settings} />
      ${!isVisitor.value && html`<footer class="sheet-foot"><${Button} icon="sweep" onClick=${sweep}>${t.sweep.open}<//></footer>`}
    <//>`}
  </div>`;
}
