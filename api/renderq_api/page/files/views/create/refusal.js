/** Why a submission was refused, where no field says it. */
import { useEffect, useState } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { visibleFields } from "../../parts/field.js";
import { otherMessages } from "../../problem.js";
import { reasonOf } from "../../state/attempt.js";
import { cancelResend, refusal, refusedFields, resendAt, resendSentence } from "../../state/submission.js";
import { t } from "../../words/index.js";

export function Refusal() {
  if (resendAt.value !== null) return html`<${Countdown} until=${resendAt.value} />`;
  const text = refusal.value && messageOf(refusal.value);
  return text && html`<p class="notice bad" role="alert"><${Icon} name="warning" /> ${text}</p>`;
}

/** @param {NonNullable<typeof refusal.value>} refused */
function messageOf({ error, body }) {
  return body && error.problem?.errors?.length ? otherMessages(refusedFields.value, visibleFields.value) : reasonOf(error);
}

/** @param {{ until: number }} props */
function Countdown({ until }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  return html`<p class="notice">
    <${Icon} name="info" /> ${resendSentence(seconds)}
    <button type="button" class="link" onClick=${cancelResend}>${t.composer.stopResend}</button>
  </p>`;
}
