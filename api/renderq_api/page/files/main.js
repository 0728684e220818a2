/** Starts the page. */
import { effect } from "@preact/signals";
import { render } from "preact";

import { html } from "./html.js";
import { CopyDialog } from "./parts/clipboard.js";
import { QuestionDialog } from "./parts/dialog.js";
import { startDrop } from "./parts/drop.js";
import { startKeyboard } from "./parts/keyboard.js";
import { Shell } from "./parts/shell.js";
import { ShortcutsDialog } from "./parts/shortcuts.js";
import { Toasts } from "./parts/toast.js";
import { route } from "./router.js";
import { startAnnouncements } from "./state/announcements.js";
import { startLive } from "./state/live.js";
import { startTitle } from "./state/title.js";
import { startVisits } from "./state/visit.js";
import { Create } from "./views/create/index.js";
import { ReceivedDialog } from "./views/create/received-dialog.js";
import { ExtendEditor } from "./views/extend.js";
import { Gallery } from "./views/gallery/index.js";
import { Lightbox } from "./views/lightbox/index.js";
import { MaskEditor } from "./views/mask/index.js";
import { Models } from "./views/models.js";
import { Queue } from "./views/queue/index.js";
import { SignIn } from "./views/sign-in.js";
import { SweepDialog } from "./views/sweep/dialog.js";
import { SweepTable } from "./views/sweep/table.js";
import { Workers } from "./views/workers.js";

const VIEWS = { create: Create, queue: Queue, gallery: Gallery, models: Models, workers: Workers, "sign-in": Create };

function App() {
  const View = VIEWS[route.value.view];
  return html`<${Shell}><${View} /><//>
    <${SweepDialog} /><${SweepTable} />
    ${route.value.jobId && html`<${Lightbox} id=${route.value.jobId} image=${route.value.image} />`}
    <${ReceivedDialog} /><${MaskEditor} /><${ExtendEditor} />
    <${CopyDialog} /><${ShortcutsDialog} /><${QuestionDialog} /><${SignIn} /><${Toasts} />`;
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
effect(() => {
  document.body.dataset.view = route.value.view;
});
