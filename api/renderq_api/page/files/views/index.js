/** Views by their name in addresses, and the dialogs above them. All but Create are loaded when they are first opened. */
import { html } from "../html.js";
import { cancelSignIn, signInReason } from "../keys.js";
import { shortcutsOpen } from "../parts/keyboard.js";
import { lazy } from "../parts/lazy.js";
import { closeJob, route } from "../router.js";
import { extendOpen, maskOpen, received } from "../state/input-picture.js";
import { isSweeping, table } from "../state/sweep-table.js";
import { Create } from "./create/index.js";

export const VIEWS = {
  create: Create,
  "sign-in": Create,
  queue: lazy(async () => (await import("./queue/index.js")).Queue),
  gallery: lazy(async () => (await import("./gallery/index.js")).Gallery),
  models: lazy(async () => (await import("./models.js")).Models),
  workers: lazy(async () => (await import("./workers.js")).Workers),
};

const Lightbox = lazy(async () => (await import("./lightbox/index.js")).Lightbox, closeJob);
const SweepDialog = lazy(async () => (await import("./sweep/dialog.js")).SweepDialog, () => (isSweeping.value = false));
const SweepTable = lazy(async () => (await import("./sweep/table.js")).SweepTable, () => (table.value = null));
const ReceivedDialog = lazy(async () => (await import("./create/received-dialog.js")).ReceivedDialog, () => (received.value = null));
const MaskEditor = lazy(async () => (await import("./mask/index.js")).MaskEditor, () => (maskOpen.value = false));
const ExtendEditor = lazy(async () => (await import("./extend.js")).ExtendEditor, () => (extendOpen.value = false));
const ShortcutsDialog = lazy(async () => (await import("./shortcuts.js")).ShortcutsDialog, () => (shortcutsOpen.value = false));
const SignIn = lazy(async () => (await import("./sign-in.js")).SignIn, cancelSignIn);

export function Dialogs() {
  const { jobId, image } = route.value;
  const asksForKey = signInReason.value !== null && signInReason.value !== "visit";
  return html`
    ${isSweeping.value && html`<${SweepDialog} />`}
    ${table.value && html`<${SweepTable} />`}
    ${jobId && html`<${Lightbox} id=${jobId} image=${image} />`}
    ${received.value && html`<${ReceivedDialog} />`}
    ${maskOpen.value && html`<${MaskEditor} />`}
    ${extendOpen.value && html`<${ExtendEditor} />`}
    ${shortcutsOpen.value && html`<${ShortcutsDialog} />`}
    ${asksForKey && html`<${SignIn} />`}
  `;
}
