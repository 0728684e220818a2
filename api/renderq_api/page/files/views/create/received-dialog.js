/** Asks what to do with a picture that was dropped, pasted or chosen. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { inputAddress } from "../../state/assets.js";
import { model, useSettings } from "../../state/draft-store.js";
import { offeredTasks, received, startFrom, takesAnother } from "../../state/input-picture.js";
import { t } from "../../words/index.js";

export function ReceivedDialog() {
  const asset = received.value;
  if (!asset) return null;
  /** @type {Record<string, any> | null | undefined} */
  const recipe = asset.recipe;
  const close = () => (received.value = null);
  const takeSettings = () => {
    close();
    if (recipe) useSettings({ request: recipe, task: recipe.task ?? "txt2img", model: recipe.model ?? model.peek()?.name ?? "" }, { seed: recipe.seed, n: 1 });
  };
  const tasks = offeredTasks();
  return html`<${Dialog} title=${t.input.title} kind="received" onClose=${close}>
    <img class="received-picture" src=${inputAddress(asset.id)} alt="" />
    <p class="hint">${asset.width} × ${asset.height}${recipe && ` · ${t.input.hasRecipe}`}</p>
    <div class="received-deeds">
      ${recipe && html`<${Button} kind="primary" onClick=${takeSettings}>${t.input.useSettings}<//>`}
      ${tasks.map((task) => html`<${Button} key=${task} onClick=${() => startFrom(asset.id, task)}>${task === "edit" && takesAnother() ? t.input.addToEdit : t.input.deeds[/** @type {"img2img"} */ (task)]}<//>`)}
    </div>
    ${!tasks.length && html`<p class="hint">${t.input.noTask}</p>`}
  <//>`;
}
