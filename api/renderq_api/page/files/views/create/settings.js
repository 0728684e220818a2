/** Settings beside the feed, or in a sheet: everything that a request may say besides the prompt. */
import { html } from "../../html.js";
import { Field } from "../../parts/field.js";
import { Range } from "../../parts/range.js";
import { Select } from "../../parts/select.js";
import { change, changeSettings, draft, model, settings } from "../../state/draft-store.js";
import { settingsOf } from "../../state/draft.js";
import { models, styles } from "../../state/service.js";
import { scheduleName, schedulerName } from "../../words/schedulers.js";
import { t } from "../../words/index.js";
import { InputSettings } from "./input-settings.js";
import { LoraSettings } from "./lora-settings.js";
import { OutputSettings, RareSettings } from "./more-settings.js";
import { Presets } from "./presets.js";
import { SeedSetting } from "./seed-setting.js";
import { SizeSettings } from "./size-settings.js";

/** @typedef {import("renderq").Model} Model */

/** Largest guidance that the slider reaches; more can be typed. */
const GUIDANCE_SLIDER = 20;
const STEPS_SLIDER = 100;

export function Settings() {
  const current = model.value;
  if (!current) return null;
  const hasSettings = Object.keys(settingsOf(draft.value, current)).length > 0;
  return html`<form class="settings-form" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <${Field} name="model" label=${t.settings.model} id="model">
      <${Select}
        id="model"
        value=${current.name}
        options=${(models.value ?? []).map(({ name }) => ({ value: name, text: name }))}
        onChange=${changeModel}
      />
    <//>
    <${LoraSettings} model=${current} />
    <${StyleSetting} />
    ${draft.value.input ? html`<${InputSettings} input=${draft.value.input} model=${current} />` : html`<${SizeSettings} model=${current} />`}
    <${Sampling} model=${current} />
    <${SeedSetting} />
    <${Negative} model=${current} />
    <${OutputSettings} />
    <${RareSettings} model=${current} />
    <footer class="settings-foot">
      <${Presets} />
      <button type="button" class="link" disabled=${!hasSettings} title=${t.settings.resetLabel(current.name)} onClick=${() => resetSettings(current)}>
        ${t.settings.reset}
      </button>
    </footer>
  </form>`;
}

function StyleSetting() {
  if (!styles.value.length) return null;
  const chosen = styles.value.find(({ name }) => name === draft.value.style);
  const options = styles.value.map(({ name, title }) => ({ value: name, text: title || name }));
  return html`<${Field} name="style" label=${t.settings.style} id="style" hint=${chosen?.prompt}>
    <${Select}
      id="style"
      value=${chosen?.name ?? ""}
      options=${[{ value: "", text: t.settings.noStyle }, ...options]}
      onChange=${(/** @type {string} */ name) => change({ style: name || null })}
    />
  <//>`;
}

/** @param {string} name */
function changeModel(name) {
  const chosen = models.peek()?.find((one) => one.name === name);
  change({ model: chosen?.default ? null : name });
}

/** @param {Model} current */
const resetSettings = (current) => change({ settings: { ...draft.peek().settings, [current.name]: {} } });

/** @param {{ model: Model }} props */
function Sampling({ model: current }) {
  const { defaults, limits, schedulers } = current;
  const { steps = defaults.steps, guidance_scale = defaults.guidance_scale, scheduler, schedule } = settings.value;
  const schedules = current.schedules[scheduler ?? defaults.scheduler ?? ""] ?? current.own_schedules;
  const options = [
    { value: "", text: t.settings.ownScheduler },
    ...schedulers.map((name) => ({ value: name, text: schedulerName(name) })),
  ];
  const scheduleOptions = [
    { value: "", text: t.settings.ownSchedule },
    ...schedules.map((name) => ({ value: name, text: scheduleName(name) })),
  ];
  return html`
    <${Range}
      name="steps"
      label=${t.settings.steps}
      min=${limits.min_steps}
      max=${Math.max(steps, Math.min(STEPS_SLIDER, limits.max_steps))}
      value=${steps}
      onChange=${(/** @type {number} */ value) => changeSettings({ steps: value })}
    />
    <${Range}
      name="guidance_scale"
      label=${t.settings.guidance}
      min=${0}
      max=${Math.max(guidance_scale, GUIDANCE_SLIDER)}
      step=${0.5}
      value=${guidance_scale}
      onChange=${(/** @type {number} */ value) => changeSettings({ guidance_scale: value })}
    />
    ${schedulers.length > 0 &&
    html`<${Field} name="scheduler" label=${t.settings.scheduler} id="scheduler">
      <${Select}
        id="scheduler"
        value=${scheduler ?? defaults.scheduler ?? ""}
        options=${options}
        onChange=${(/** @type {string} */ value) => changeSettings({ scheduler: value || undefined, schedule: undefined })}
      />
    <//>`}
    ${schedules.length > 0 &&
    html`<${Field} name="schedule" label=${t.settings.schedule} id="schedule">
      <${Select}
        id="schedule"
        value=${schedule ?? (scheduler ? null : defaults.schedule) ?? ""}
        options=${scheduleOptions}
        onChange=${(/** @type {string} */ value) => changeSettings({ schedule: value || undefined })}
      />
    <//>`}
  `;
}

/** @param {{ model: Model }} props */
function Negative({ model: current }) {
  if (!current.supports_negative_prompt) return null;
  const guidance = settings.value.guidance_scale ?? current.defaults.guidance_scale;
  return html`<details class="fold" open=${draft.value.negativePrompt !== ""}>
    <summary>${t.settings.negative}</summary>
    <${Field} name="negative_prompt" hint=${guidance <= 1 ? t.settings.negativeOff : null}>
      <textarea
        rows="2"
        maxlength="8000"
        aria-label=${t.settings.negative}
        placeholder=${t.settings.negativePlaceholder}
        value=${draft.value.negativePrompt}
        onInput=${(/** @type {Event} */ event) => change({ negativePrompt: /** @type {HTMLTextAreaElement} */ (event.currentTarget).value })}
      ></textarea>
    <//>
  </details>`;
}
