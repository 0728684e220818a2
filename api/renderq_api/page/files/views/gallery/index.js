/** Gallery: every picture, by day; found by words, kept, labels, model, task and age. */
import { useEffect } from "preact/hooks";

import { html } from "../../html.js";
import { Icon } from "../../icons.js";
import { Button } from "../../parts/button.js";
import { Empty } from "../../parts/empty.js";
import { Sentinel } from "../../parts/sentinel.js";
import { go } from "../../router.js";
import { viewAddress } from "../../routes.js";
import { byDay, isUnfiltered } from "../../state/filters.js";
import { filters, galleryIds, hasMore, isComplete, isReading, readGallery, readMore } from "../../state/gallery.js";
import { jobSignal } from "../../state/job-store.js";
import { connection } from "../../state/service.js";
import { rowHeight } from "../../state/preferences.js";
import { f, t } from "../../words/index.js";
import { FilterBar } from "./filter-bar.js";
import { GalleryItem } from "./item.js";
import { SelectionBar } from "./selection.js";

/** Places behind the last picture of a day, which keep it as large as those above it. */
const room = () => Array.from({ length: 16 }, (_, index) => html`<i key=${index} class="shot-room"></i>`);

export function Gallery() {
  const key = JSON.stringify(filters.value);
  const isKnown = connection.value !== "connecting";
  useEffect(() => void (isKnown && readGallery()), [key, isKnown]);
  const jobs = galleryIds.value.flatMap((id) => jobSignal(id)?.peek() ?? []);
  return html`<div class="page-view gallery">
    <header class="view-head"><h1>${t.views.gallery}</h1><${FilterBar} /></header>
    ${!isComplete.value && html`<p class="notice"><${Icon} name="info" /> ${t.gallery.incomplete}</p>`}
    ${!jobs.length && !isReading.value && isKnown && html`<${Nothing} />`}
    <div style=${{ "--row": `${rowHeight.value}px` }}>
      ${byDay(jobs).map(
        ({ day, jobs: some }) => html`<section class="day" key=${new Date(day).toDateString()}>
          <h2>${dayName(day)}</h2>
          <div class="day-rows">${some.map(({ id }) => html`<${GalleryItem} key=${id} id=${id} />`)}${room()}</div>
        </section>`,
      )}
    </div>
    ${hasMore.value && html`<${Sentinel} key=${galleryIds.value.length} onNear=${readMore} />`}
    <${SelectionBar} />
  </div>`;
}

function Nothing() {
  if (isUnfiltered(filters.value)) return html`<${Empty} icon="gallery" title=${t.gallery.empty} text=${t.gallery.emptyText} />`;
  return html`<${Empty} icon="search" title=${t.gallery.nothingFound} text=${t.gallery.nothingFoundText}>
    <${Button} onClick=${() => go(viewAddress("gallery"))}>${t.gallery.clearFilters}<//>
  <//>`;
}

/** @param {string} moment */
function dayName(moment) {
  const day = new Date(moment).toDateString();
  if (day === new Date().toDateString()) return t.gallery.today;
  if (day === new Date(Date.now() - 86_400_000).toDateString()) return t.gallery.yesterday;
  return f.day(moment);
}
