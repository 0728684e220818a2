/** Failed jobs of the last days by cause, for admins. */
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { listFailures } from "../api.js";
import { now } from "../clock.js";
import { html } from "../html.js";
import { f, t } from "../words/index.js";

/** @typedef {import("renderq").FailureCount} FailureCount */

/** The history counts them anew on each request. */
const REFRESH_MS = 60_000;

const failures = signal(/** @type {readonly FailureCount[]} */ ([]));

async function read() {
  failures.value = (await listFailures()).data;
}

export function FailureTable() {
  useEffect(() => {
    const refresh = () => void read().catch(() => {});
    refresh();
    const timer = setInterval(() => !document.hidden && refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  if (!failures.value.length) return null;
  return html`<section class="rows">
    <h2>${t.failures.title}</h2>
    <div class="table-scroll" role="region" tabindex="0" aria-label=${t.failures.title}>
      <table>
        <thead>
          <tr><th scope="col">${t.failures.code}</th><th scope="col">${t.workers.model}</th><th scope="col">${t.failures.worker}</th><th scope="col">${t.failures.jobs}</th><th scope="col">${t.failures.last}</th></tr>
        </thead>
        <tbody>
          ${failures.value.map(
            (each) => html`<tr key=${`${each.error_code} ${each.model} ${each.worker}`}>
              <th scope="row"><code>${each.error_code}</code></th>
              <td>${each.model}</td>
              <td>${each.worker ?? "–"}</td>
              <td>${f.number(each.jobs)}</td>
              <td>${f.ago(each.last_at, now.value)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
