/** The picture that the draft starts from, and what is done with it. */
import { useRef } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { useFieldMessage } from "../../parts/field.js";
import { Select } from "../../parts/select.js";
import { inputAddress } from "../../state/assets.js";
import { change, draft } from "../../state/draft-store.js";
import { changeTask, extendOpen, isUploading, maskOpen, offeredTasks, receive, removeOther } from "../../state/input-picture.js";
import { t } from "../../words/index.js";

/** @typedef {import("../../state/draft-input.js").Task} Task */

export function InputPicture() {
  const { input } = draft.value;
  if (!input) return null;
  const tasks = [...new Set([...offeredTasks(), input.task])];
  return html`<div class="input-picture" data-field="image">
    <span class="input-thumbnail">
      ${inputAddress(input.image) ? html`<img src=${inputAddress(input.image)} alt=${t.input.alt} />` : html`<${Icon} name="image" />`}
      ${input.mask && inputAddress(input.mask) && html`<img class="input-mask" src=${inputAddress(input.mask)} alt=${t.input.maskAlt} />`}
    </span>
    ${(input.others ?? []).map(
      (image, index) => html`<span class="input-thumbnail">
        <img src=${inputAddress(image)} alt=${t.input.otherAlt(index + 2)} />
        <${Button} small kind="quiet" icon="close" label=${t.input.removeOther(index + 2)} onClick=${() => removeOther(index)} />
      </span>`,
    )}
    <${Select}
      compact
      label=${t.input.task}
      value=${input.task}
      options=${tasks.map((task) => ({ value: task, text: t.job.tasks[task] }))}
      onChange=${(/** @type {Task} */ task) => changeTask(task)}
    />
    ${input.task === "inpaint" && html`<${Button} small onClick=${() => (maskOpen.value = true)}>${input.mask ? t.input.changeMask : t.input.paintMask}<//>`}
    ${input.task === "outpaint" && html`<${Button} small onClick=${() => (extendOpen.value = true)}>${t.input.pullEdges}<//>`}
    <${Button} small kind="quiet" icon="close" label=${t.input.remove} onClick=${() => change({ input: null })} />
    <${InputMessage} />
  </div>`;
}

function InputMessage() {
  const message = useFieldMessage("image", "images", "mask", "task");
  return message && html`<p class="message" role="alert">${message}</p>`;
}

/** Chooses a picture from the reader's files. */
export function AddPicture() {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  if (!offeredTasks().length) return null;
  const take = () => {
    const file = field.current?.files?.[0];
    if (file) void receive(file);
    if (field.current) field.current.value = "";
  };
  return html`<input ref=${field} type="file" accept="image/png,image/jpeg,image/webp" hidden onChange=${take} />
    <${Button} kind="quiet" icon="addImage" label=${t.input.add} disabled=${isUploading.value} onClick=${() => field.current?.click()} />`;
}
