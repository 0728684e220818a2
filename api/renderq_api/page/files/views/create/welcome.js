/** What a first visit sees: examples, one click away from a picture. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { change, draft, model } from "../../state/draft-store.js";
import { visibleIds, jobSignal } from "../../state/job-store.js";
import { hintSeen } from "../../state/preferences.js";
import { visitorLimits } from "../../state/service.js";
import { submit } from "../../state/submission.js";
import { t } from "../../words/index.js";

/** The built-in model draws shapes; other models understand more. */
const EXAMPLES = {
  shapes: ["a red circle on a blue background", "three yellow stars on a purple background", "a green square above a white ring on a red background"],
  others: ["a lighthouse on a cliff at dusk, oil painting", "a fox in fresh snow, morning light", "a bowl of oranges on a wooden table"],
};

/** Pictures of an example. */
const EXAMPLE_COUNT = 4;

export function Welcome() {
  const current = model.value;
  if (!current) return null;
  const examples = current.name === "shapes" ? EXAMPLES.shapes : EXAMPLES.others;
  const take = (/** @type {string} */ prompt) => {
    change({ prompt, n: Math.min(EXAMPLE_COUNT, visitorLimits.peek()?.images ?? EXAMPLE_COUNT) });
    void submit();
  };
  return html`<section class="welcome">
    <h2>${t.welcome.title}</h2>
    <p>${(current.workers ? t.welcome.text : t.welcome.textWaiting)(current.name)}</p>
    <div class="examples">
      ${examples.map((prompt) => html`<${Button} key=${prompt} icon="create" onClick=${() => take(prompt)}>${prompt}<//>`)}
    </div>
  </section>`;
}

/** Shown once, below the first result. */
export function Hint() {
  if (hintSeen.value || draft.value.input || visitorLimits.value) return null;
  const [only, ...others] = visibleIds.value;
  if (others.length || jobSignal(only)?.value.status !== "succeeded") return null;
  return html`<p class="try-hint">
    ${t.welcome.hint}
    <${Button} kind="quiet" small icon="close" label=${t.welcome.hintDone} onClick=${() => (hintSeen.value = true)} />
  </p>`;
}
