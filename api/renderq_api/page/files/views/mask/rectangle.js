/** A rectangle entered by numbers: the keyboard's way to paint a mask. */
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { t } from "../../words/index.js";

const FIELDS = /** @type {const} */ (["left", "top", "width", "height"]);

/**
 * @param {{ sides: { width: number, height: number }, onStroke: (stroke: import("./strokes.js").Stroke) => void }} props
 */
export function RectangleByNumbers({ sides, onStroke }) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const [left, top, width, height] = FIELDS.map((name) => Number(fields.get(name)));
    onStroke({ kind: "rectangle", from: { x: left, y: top }, to: { x: left + width, y: top + height } });
  };
  return html`<details class="fold">
    <summary>${t.mask.byNumbers}</summary>
    <form class="mask-numbers" onSubmit=${submit}>
      ${FIELDS.map(
        (name) => html`<label key=${name}>
          <span class="label">${t.mask.numbers[name]}</span>
          <input class="number" type="number" name=${name} min="0" max=${name === "left" || name === "width" ? sides.width : sides.height} value=${name === "width" ? sides.width : name === "height" ? sides.height : 0} />
        </label>`,
      )}
      <${Button} type="submit">${t.mask.fill}<//>
    </form>
  </details>`;
}
