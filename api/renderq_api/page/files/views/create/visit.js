/** What visitors of an open demo are told: why there is no place yet, and how to run their own. */
import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { signInReason } from "../../keys.js";
import { Button } from "../../parts/button.js";
import { copyText } from "../../parts/clipboard.js";
import { isVisitor } from "../../state/service.js";
import { visitRefusal } from "../../state/visit.js";
import { f, t } from "../../words/index.js";

const COMMANDS = ["pip install 'renderq[all]'", "renderq up"];

const signIn = () => (signInReason.value = "wanted");

/** Shown while there is no place for this visitor. */
export function VisitNotice() {
  const refused = visitRefusal.value;
  if (!refused || signInReason.value === null) return null;
  const { error, asksAgain } = refused;
  return html`<div class="visit-notice" role="status">
    <p class="notice"><${Icon} name="info" /> <span>${reason(error)} ${asksAgain && t.visit.again}</span></p>
    <${Button} icon="key" onClick=${signIn}>${t.signIn.title}<//>
  </div>`;
}

/** @param {import("../../problem.js").ApiError} error */
function reason({ status, code, message, retryAfter }) {
  if (!status) return t.errors.offline;
  if (code === "demo_full") return t.visit.full(f.duration(retryAfter ?? 1));
  return code === "daily_limit_reached" ? t.visit.noMoreVisitors : message;
}

/** The two commands that start a service of one's own. */
export function RunYourOwn() {
  if (!isVisitor.value) return null;
  return html`<section class="run-your-own">
    <h2>${t.visit.runYourOwn}</h2>
    <p>${t.visit.text}</p>
    <pre>${COMMANDS.join("\n")}</pre>
    <${Button} small icon="copy" onClick=${() => copyText(COMMANDS.join("\n"))}>${t.visit.copy}<//>
  </section>`;
}
