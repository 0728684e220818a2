/** Starts the page. */
import { effect } from "@preact/signals";
import { render } from "preact";

import { html } from "./html.js";
import { CopyDialog } from "./parts/clipboard.js";
import { QuestionDialog } from "./parts/dialog.js";
import { startDrop } from "./parts/drop.js";
import { startKeyboard } from "./parts/keyboard.js";
import { loadAll } from "./parts/lazy.js";
import { Shell } from "./parts/shell.js";
import { Toasts } from "./parts/toast.js";
import { route } from "./router.js";
import { startAnnouncements } from "./state/announcements.js";
import { startLive } from "./state/live.js";
import { startTitle } from "./state/title.js";
import { startVisits } from "./state/visit.js";
import { Dialogs, VIEWS } from "./views/index.js";

/** Time until parts that have not been opened are loaded, too. */
const IDLE_MS = 5_000;

function App() {
  return html`<${Shell}><${VIEWS[route.value.view]} /><//><${Dialogs} /><${CopyDialog} /><${QuestionDialog} /><${Toasts} />`;
}

const page = /** @type {HTMLElement} */ (document.querySelector("#page"));
page.replaceChildren();
render(html`<${App} />`, page);

startVisits();
startLive();
startTitle();
startAnnouncements();
startKeyboard();
startDrop();
setTimeout(loadAll, IDLE_MS);
effect(() => {
  document.body.dataset.view = route.value.view;
});
