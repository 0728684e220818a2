/** The seed: random for each submission, or fixed. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Field } from "../../parts/field.js";
import { change, draft } from "../../state/draft-store.js";
import { t } from "../../words/index.js";

export function SeedSetting() {
  const { seed } = draft.value;
  const set = (/** @type {number | null} */ value) => change({ seed: value });
  const take = (/** @type {Event} */ event) => {
    const number = /** @type {HTMLInputElement} */ (event.currentTarget).valueAsNumber;
    set(Number.isNaN(number) ? null : number);
  };
  return html`<${Field} name="seed" label=${t.settings.seed}>
    <div class="seed-row">
      <input
        type="number"
        class="number seed-number"
        aria-label=${t.settings.fixedSeed}
        min="0"
        step="1"
        placeholder=${t.settings.random}
        value=${seed ?? ""}
        onChange=${take}
      />
      <${Button} kind="quiet" icon="seed" label=${t.settings.dice} onClick=${() => set(drawSeed())} />
      ${seed !== null && html`<${Button} kind="quiet" icon="close" label=${t.settings.random} onClick=${() => set(null)} />`}
    </div>
  <//>`;
}

/** Return a seed that is short enough to be told to somebody. */
const drawSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
