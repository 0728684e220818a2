/** Load of the last day: jobs that ended, and jobs that were queued and running, by quarters of an hour. */
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { getLoadHistory } from "../api.js";
import { now } from "../clock.js";
import { html } from "../html.js";
import { BARS, loadBars } from "../state/load-bars.js";
import { f, t } from "../words/index.js";

/** @typedef {import("../state/load-bars.js").Bar} Bar */

const REFRESH_MS = 60_000;
const HEIGHT = 40;

const minutes = signal(/** @type {readonly import("renderq").LoadMinute[]} */ ([]));

async function read() {
  minutes.value = (await getLoadHistory()).data;
}

export function LoadCharts() {
  useEffect(() => {
    const refresh = () => void read().catch(() => {});
    refresh();
    const timer = setInterval(() => !document.hidden && refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const bars = loadBars(minutes.value, now.value);
  if (!bars.some((bar) => bar.queued || bar.running || bar.succeeded || bar.failed)) return null;
  return html`<section class="rows">
    <h2>${t.load.title}</h2>
    <div class="load-charts">
      <${Chart} bars=${bars} fields=${["succeeded", "failed"]} join=${sum} name=${t.load.ended} words=${t.load.endedCounts} />
      <${Chart} bars=${bars} fields=${["running", "queued"]} join=${highest} name=${t.load.open} words=${t.load.openCounts} />
    </div>
  </section>`;
}

const sum = (/** @type {number[]} */ counts) => counts.reduce((total, count) => total + count, 0);
const highest = (/** @type {number[]} */ counts) => Math.max(...counts);

/**
 * Bars of two numbers each, the second one on top of the first. `join` makes the day's number of those of the bars.
 *
 * @param {{
 *   bars: readonly Bar[],
 *   fields: readonly ["succeeded", "failed"] | readonly ["running", "queued"],
 *   join: (counts: number[]) => number,
 *   name: string,
 *   words: (lower: string, upper: string) => string,
 * }} props
 */
function Chart({ bars, fields: [lower, upper], join, name, words }) {
  const top = highest(bars.map((bar) => bar[lower] + bar[upper]));
  const height = (/** @type {number} */ count) => count && Math.max(1, (count / top) * HEIGHT);
  const day = words(f.number(join(bars.map((bar) => bar[lower]))), f.number(join(bars.map((bar) => bar[upper]))));
  return html`<figure class="load-chart">
    <figcaption><b>${name}</b> <span>${day}</span></figcaption>
    <svg viewBox=${`0 0 ${BARS} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${`${name}: ${day}`}>
      ${bars.map((bar, index) => {
        const [low, high] = [height(bar[lower]), height(bar[upper])];
        return (low || high) && html`<g key=${bar.start}>
          <title>${`${f.time(bar.start)}: ${words(f.number(bar[lower]), f.number(bar[upper]))}`}</title>
          <rect class=${lower} x=${index + 0.1} y=${HEIGHT - low} width="0.8" height=${low} />
          <rect class=${upper} x=${index + 0.1} y=${HEIGHT - low - high} width="0.8" height=${high} />
        </g>`;
      })}
    </svg>
    <p class="load-axis" aria-hidden="true"><span>${f.time(bars[0]?.start ?? 0)}</span><span>${t.load.now}</span></p>
  </figure>`;
}
