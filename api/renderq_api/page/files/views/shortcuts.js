/** The list of keys. */
import { html } from "../html.js";
import { Dialog } from "../parts/dialog.js";
import { shortcutsOpen } from "../parts/keyboard.js";
import { t } from "../words/index.js";

const CTRL = navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl";

/** @type {{ group: keyof typeof t.shortcuts.groups, keys: [string, string][] }[]} */
const GROUPS = [
  {
    group: "anywhere",
    keys: [
      [`${CTRL} ⏎`, t.shortcuts.generate],
      [`${CTRL} ⇧ ⏎`, t.shortcuts.generateNext],
      ["/", t.shortcuts.prompt],
      ["Alt ↑ ↓", t.shortcuts.recall],
      [`${CTRL} ↑ ↓`, t.shortcuts.weight],
      ["1 2 4 8", t.shortcuts.count],
      [`g ${t.shortcuts.then} c q g m w`, t.shortcuts.views],
      [`${CTRL} Z`, t.shortcuts.undo],
      ["?", t.shortcuts.help],
    ],
  },
  {
    group: "picture",
    keys: [
      ["← →", t.shortcuts.move],
      ["k", t.shortcuts.keep],
      ["d", t.shortcuts.download],
      ["u", t.shortcuts.use],
      ["s", t.shortcuts.seed],
      ["v", t.job.tasks.variation],
      ["e", t.job.tasks.inpaint],
      ["x", t.job.tasks.upscale],
      ["i", t.shortcuts.details],
      ["z", t.shortcuts.zoom],
      ["c", t.shortcuts.compare],
      ["Del", t.shortcuts.remove],
      ["Esc", t.shortcuts.close],
    ],
  },
];

export function ShortcutsDialog() {
  return html`<${Dialog} title=${t.shortcuts.title} kind="shortcuts" onClose=${() => (shortcutsOpen.value = false)}>
    ${GROUPS.map(
      ({ group, keys }) => html`<h3>${t.shortcuts.groups[group]}</h3>
        <dl>
          ${keys.map(([combination, text]) => html`<dt>${combination.split(" ").map((one) => (one === t.shortcuts.then ? `${one} ` : html`<kbd>${one}</kbd> `))}</dt><dd>${text}</dd>`)}
        </dl>`,
    )}
    <p class="hint">${t.shortcuts.letters}</p>
  <//>`;
}
