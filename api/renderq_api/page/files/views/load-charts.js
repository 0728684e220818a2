/** Load of the last day: jobs that ended, and jobs that were queued and running, by quarters of an hour. */
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { getLoadHistory } from "../api.js";
import { now } from "../clock.js";
import { html } from "../html.js";
import { BARS, ENDED, loadBars, OPEN } from "../state/load-bars.js";
import { f, t } from "../words/index.js";

/**
 * @typedef {import("../state/load-bars.js").Bar} Bar
 * @typedef {import("../state/load-bars.js").Open} Open
 * @typedef {import("../state/load-bars.js").Ended} Ended
 */

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
  if (!bars.some((bar) => [...OPEN, ...ENDED].some((status) => bar[status]))) return null;
  return html`<section class="rows">
    <h2>${t.load.title}</h2>
    <div class="load-charts">
      <${Chart} bars=${bars} statuses=${ENDED} join=${sum} name=${t.load.ended} />
      <${Chart} bars=${bars} statuses=${OPEN} join=${highest} name=${t.load.open} />
    </div>
  </section>`;
}

const sum = (/** @type {number[]} */ counts) => counts.reduce((total, count) => total + count, 0);
const highest = (/** @type {number[]} */ counts) => Math.max(...counts);

/**
 * Bars of some numbers each, one on top of the other. `join` makes the day's numbers of those of the bars.
 *
 * @param {{ bars: readonly Bar[], statuses: readonly (Open | Ended)[], join: (counts: number[]) => number, name: string }} props
 */
function Chart({ bars, statuses, join, name }) {
  const scale = HEIGHT / highest(bars.map((bar) => sum(statuses.map((status) => bar[status]))));
  const day = inWords(statuses, (status) => join(bars.map((bar) => bar[status])));
  return html`<figure class="load-chart">
    <figcaption><b>${name}</b> <span>${day}</span></figcaption>
    <svg viewBox=${`0 0 ${BARS} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${`${name}: ${day}`}>
      ${bars.map((bar, index) => {
        const counted = statuses.filter((status) => bar[status]);
        let y = HEIGHT;
        return counted.length > 0 && html`<g key=${bar.start}>
          <title>${`${f.time(bar.start)}: ${inWords(statuses, (status) => bar[status])}`}</title>
          ${counted.map((status) => {
            const height = Math.max(1, bar[status] * scale);
            y -= height;
            return html`<rect class=${status} x=${index + 0.1} y=${y} width="0.8" height=${height} />`;
          })}
        </g>`;
      })}
    </svg>
    <p class="load-axis" aria-hidden="true"><span>${f.time(bars[0]?.start ?? 0)}</span><span>${t.load.now}</span></p>
  </figure>`;
}

/**
 * Say how many jobs there were: "7 done, 2 canceled". Of the first status also that there were none.
 *
 * @param {readonly (Open | Ended)[]} statuses
 * @param {(status: Open | Ended) => number} count
 */
const inWords = (statuses, count) =>
  statuses
    .filter((status, index) => index === 0 || count(status))
    .map((status) => t.load.counts[status](f.number(count(status))))
    .join(", ");
