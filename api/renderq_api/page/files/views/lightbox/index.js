/** One picture as large as the window, with everything that is known of it. Address: `/jobs/{id}?image=2`. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { getJob } from "../../api.js";
import { html } from "../../html.js";
import { Button } from "../../parts/button.js";
import { Empty } from "../../parts/empty.js";
import { promptOf } from "../../parts/tile.js";
import { DialogToasts } from "../../parts/toast.js";
import { closeJob } from "../../router.js";
import { comparedWith, isComparing, stopComparing } from "../../state/compare.js";
import { jobSignal, putJob, visibleIds } from "../../state/job-store.js";
import { hasEnded } from "../../state/jobs.js";
import { t } from "../../words/index.js";
import { LightboxActions } from "./actions.js";
import { Compare } from "./compare.js";
import { Details, detailsOpen } from "./details.js";
import { move, onKey, toggleCompare } from "./moves.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";

/** @param {{ id: string, image: number }} props */
export function Lightbox({ id, image }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [isMissing, setMissing] = useState(false);
  const [zoom, setZoom] = useState(/** @type {"fit" | "actual"} */ ("fit"));
  const [isFlipped, setFlipped] = useState(false);
  void visibleIds.value;
  const job = jobSignal(id)?.value;
  const index = job && hasEnded(job) && !job.outputs.some((one) => one.index === image) ? (job.outputs[0]?.index ?? 0) : image;
  const output = job?.outputs.find((one) => one.index === index);
  const reference = job ? comparedWith(job) : null;
  const isCompared = isComparing.value && output && reference;

  useLayoutEffect(() => {
    ref.current?.showModal();
    ref.current?.focus();
    return () => {
      ref.current?.close();
      stopComparing();
    };
  }, []);
  useEffect(() => {
    setMissing(false);
    if (jobSignal(id)) return;
    getJob(id).then(putJob, () => setMissing(true));
  }, [id]);
  useEffect(() => setZoom("fit"), [id, image]);
  useEffect(() => {
    const release = () => setFlipped(false); // the key may be released elsewhere
    addEventListener("blur", release);
    return () => removeEventListener("blur", release);
  }, []);

  const toggleZoom = () => setZoom(zoom === "fit" ? "actual" : "fit");
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    closeJob();
  };
  return html`<dialog
    ref=${ref}
    tabindex="-1"
    class=${`lightbox ${detailsOpen.value ? "with-details" : ""}`}
    aria-label=${job ? promptOf(job) : t.lightbox.label}
    onCancel=${cancel}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => job && onKey(event, job, index, { toggleZoom, flip: () => setFlipped(true) })}
    onKeyUp=${(/** @type {KeyboardEvent} */ event) => event.key.toLowerCase() === "c" && setFlipped(false)}
  >
    <header class="lightbox-bar">
      <${Button} kind="quiet" icon="close" label=${t.lightbox.close} onClick=${closeJob} />
      ${job && html`<${LightboxActions} job=${job} index=${index} />`}
      ${job && output && html`<${Button} kind="quiet" icon="compare" label=${t.lightbox.compare} aria-pressed=${isComparing.value} onClick=${() => toggleCompare(job, index)} />`}
      ${job && !isCompared && html`<${Button} kind="quiet" icon="zoom" label=${t.lightbox.actual} aria-pressed=${zoom === "actual"} onClick=${toggleZoom} />`}
      <${Button} kind="quiet" icon="info" label=${t.lightbox.details} aria-pressed=${detailsOpen.value} onClick=${() => (detailsOpen.value = !detailsOpen.value)} />
    </header>
    ${job && isCompared && html`<${Compare} job=${job} output=${output} reference=${reference} isFlipped=${isFlipped} />`}
    ${job && !isCompared && html`<${Stage} job=${job} index=${index} zoom=${zoom} before=${isFlipped ? reference : null} onMove=${(/** @type {1 | -1} */ step) => move(job, index, step)} onZoom=${toggleZoom} />`}
    ${job && html`<${Strip} job=${job} index=${index} />`}
    ${job && detailsOpen.value && html`<${Details} job=${job} index=${index} />`}
    ${isMissing && !job && html`<div class="stage"><${Empty} icon="image" title=${t.lightbox.label} text=${t.lightbox.notFound} /></div>`}
    <${DialogToasts} />
  </dialog>`;
}
