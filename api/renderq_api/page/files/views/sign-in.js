/** Asks for the API key, above a view that stays as it was. */
import { useState } from "preact/hooks";

import { getMe } from "../api.js";
import { html } from "../html.js";
import { cancelSignIn, key, signInReason, storeKey } from "../keys.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { ApiError } from "../problem.js";
import { isOpenDemo } from "../routes.js";
import { dropAll } from "../state/job-store.js";
import { t } from "../words/index.js";

export function SignIn() {
  const [error, setError] = useState("");
  const reason = signInReason.value;

  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const refused = await tryKey(String(fields.get("key")).trim(), fields.has("remember"));
    setError(refused ?? "");
  };
  const text = reason === "refused" && !error ? t.signIn.refused : t.signIn.text;
  return html`<${Dialog} title=${t.signIn.title} kind="sign-in" closable=${isOpenDemo} onClose=${cancelSignIn}>
    <form onSubmit=${submit}>
      <p>${text}</p>
      <div class=${error ? "field refused" : "field"}>
        <label class="label" for="key">${t.signIn.label}</label>
        <input class="text" id="key" name="key" type="password" autocomplete="current-password" required placeholder="rq_…" autofocus />
        ${error && html`<p class="message" role="alert">${error}</p>`}
      </div>
      <label class="check"><input type="checkbox" name="remember" /><span>${t.signIn.remember}</span></label>
      <footer><${Button} kind="primary" type="submit">${t.signIn.submit}<//></footer>
    </form>
  <//>`;
}

/**
 * Take a key if the service accepts it. Returns why it does not.
 *
 * @param {string} candidate
 * @param {boolean} remember
 */
async function tryKey(candidate, remember) {
  try {
    await getMe(candidate);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status ? error.message : t.errors.offline;
  }
  if (key.peek() !== candidate) dropAll();
  storeKey(candidate, remember);
  return null;
}
