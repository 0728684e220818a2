/** Who is signed in, and how the page looks and behaves. */
import { html } from "../html.js";
import { Icon } from "../icons.js";
import { key, signInReason, signOut } from "../keys.js";
import { language, letterKeys, theme } from "../state/preferences.js";
import { isVisitor, me } from "../state/service.js";
import { t } from "../words/index.js";
import { Choice } from "./choice.js";
import { shortcutsOpen } from "./keyboard.js";
import { Menu, MenuItem } from "./menu.js";

const LANGUAGES = [
  { value: "en", text: "English" },
  { value: "de", text: "Deutsch" },
];

export function AccountMenu() {
  const caller = me.value;
  const themes = /** @type {const} */ (["system", "light", "dark"]).map((value) => ({ value, text: t.menu.themes[value] }));
  const name = isVisitor.value ? t.visit.name : (caller?.tenant ?? "renderq");
  const face = html`<${Icon} name="user" /><span>${name}</span>`;
  return html`<${Menu} label=${`${name} · ${t.menu.account}`} button=${{ class: "account" }} face=${face}>
    <div class="menu-part">
      <span class="label">${t.menu.theme}</span>
      <${Choice} label=${t.menu.theme} value=${theme.value} options=${themes} onChange=${(/** @type {"system"} */ value) => (theme.value = value)} />
      <span class="label">${t.menu.language}</span>
      <${Choice} label=${t.menu.language} value=${document.documentElement.lang} options=${LANGUAGES} onChange=${chooseLanguage} />
      <label class="check">
        <input type="checkbox" checked=${letterKeys.value} onChange=${() => (letterKeys.value = !letterKeys.value)} />
        <span>${t.menu.letterKeys}</span>
      </label>
    </div>
    <hr />
    <${MenuItem} icon="info" onClick=${() => (shortcutsOpen.value = true)}>${t.menu.shortcuts}<//>
    ${isVisitor.value
      ? html`<${MenuItem} icon="key" onClick=${() => (signInReason.value = "wanted")}>${t.signIn.title}<//>`
      : key.value && html`<${MenuItem} icon="key" onClick=${signOut}>${t.menu.signOut}<//>`}
    <p class="menu-note">${caller ? t.menu.version(caller.version) : ""}${caller && !caller.key ? ` · ${t.menu.noKey}` : ""}</p>
  <//>`;
}

/** @param {string} code */
function chooseLanguage(code) {
  language.value = code;
  location.reload();
}
