/** Workers: machines, load, tenants and health. Without an admin's key: numbers only. */
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { drainWorker, getReadiness, listTenants, listWorkers, setPaused } from "../api.js";
import { now } from "../clock.js";
import { html } from "../html.js";
import { Button } from "../parts/button.js";
import { question } from "../parts/dialog.js";
import { Empty } from "../parts/empty.js";
import { attempt } from "../state/attempt.js";
import { isAdmin, stats } from "../state/service.js";
import { f, t } from "../words/index.js";
import { FailureTable } from "./failures.js";
import { LoadCharts } from "./load-charts.js";

/**
 * @typedef {import("renderq").Worker} Worker
 * @typedef {import("renderq").Tenant} Tenant
 */

const REFRESH_MS = 5_000;

const workers = signal(/** @type {readonly Worker[] | null} */ (null));
const tenants = signal(/** @type {readonly Tenant[]} */ ([]));
const health = signal(/** @type {{ kind: "healthy" | "degraded" | "unhealthy", detail: string } | null} */ (null));

async function read() {
  health.value = await getReadiness();
  if (!isAdmin.peek()) return;
  const [machines, shares] = await Promise.all([listWorkers(), listTenants()]);
  workers.value = machines.data;
  tenants.value = shares.data;
}

export function Workers() {
  const admin = isAdmin.value;
  useEffect(() => {
    const refresh = () => void read().catch(() => {});
    refresh();
    const timer = setInterval(() => !document.hidden && refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [admin]);
  return html`<div class="page-view">
    <header class="view-head">
      <h1>${t.views.workers}</h1>
      ${health.value && html`<p class=${`pill ${health.value.kind === "healthy" ? "ok" : "lost"}`} title=${health.value.detail}><i></i><span>${t.workers[health.value.kind]}</span></p>`}
    </header>
    ${health.value?.detail && html`<p class="notice bad">${health.value.detail}</p>`}
    ${admin && workers.value?.length === 0 && html`<${Empty} icon="workers" title=${t.workers.none} text=${t.workers.noneText}><code>renderq worker</code><//>`}
    ${!admin && html`<p class="hint">${t.workers.numbersOnly}</p>`}
    <div class="model-cards">${(workers.value ?? []).map((worker) => html`<${WorkerCard} key=${worker.id} worker=${worker} />`)}</div>
    <${LoadTable} />
    <${LoadCharts} />
    ${admin && html`<${TenantTable} /><${FailureTable} />`}
  </div>`;
}

/** @param {{ worker: Worker }} props */
function WorkerCard({ worker }) {
  const drain = () => {
    question.value = {
      text: t.workers.drainQuestion(worker.id),
      confirm: t.workers.drain,
      keep: t.workers.keepRunning,
      onConfirm: () => void attempt(() => drainWorker(worker.id).then(read)),
    };
  };
  return html`<article class="model-card" aria-label=${worker.id}>
    <header>
      <h2>${worker.id}</h2>
      <span class=${`pill ${worker.draining ? "none" : "ok"}`}><i></i><span>${worker.draining ? t.workers.draining : t.workers.ready}</span></span>
    </header>
    <dl class="facts-list">
      <dt>${t.workers.device}</dt>
      <dd>${worker.device}</dd>
      ${worker.memory_bytes != null && html`<dt>${t.workers.memory}</dt><dd>${f.bytes(worker.memory_bytes)}</dd>`}
      ${worker.device_memory_total_bytes != null && html`<dt>${t.workers.deviceMemory}</dt><dd>${t.workers.ofMemory(f.bytes(worker.device_memory_used_bytes ?? 0), f.bytes(worker.device_memory_total_bytes))}</dd>`}
      <dt>${t.workers.models}</dt>
      <dd>${worker.models.map((name) => html`<span class=${worker.resident_models.includes(name) ? "tag ok" : "tag"} title=${worker.resident_models.includes(name) ? t.workers.inMemory : undefined}>${name}</span> `)}</dd>
    </dl>
    <p class="model-load">
      <b>${t.workers.jobs(worker.jobs)}</b>
      <span>${t.workers.since(f.ago(worker.started_at, now.value))}</span>
    </p>
    ${!worker.draining && html`<footer><${Button} onClick=${drain}>${t.workers.drain}<//></footer>`}
  </article>`;
}

function LoadTable() {
  const load = stats.value;
  if (!load?.models.length) return null;
  return html`<section class="rows">
    <h2>${t.workers.load}</h2>
    <div class="table-scroll" role="region" tabindex="0" aria-label=${t.workers.load}>
      <table>
        <thead>
          <tr><th scope="col">${t.workers.model}</th><th scope="col">${t.workers.waiting}</th><th scope="col">${t.workers.running}</th><th scope="col">${t.workers.workers}</th><th scope="col">${t.workers.oldest}</th></tr>
        </thead>
        <tbody>
          ${load.models.map(
            (model) => html`<tr key=${model.model}>
              <th scope="row">${model.model}${model.paused && html` <span class="tag">${t.workers.paused}</span>`}</th>
              <td>${f.number(model.queued_jobs)}</td>
              <td>${f.number(model.running_jobs)}</td>
              <td>${f.number(model.workers)}</td>
              <td>${model.oldest_seconds ? f.duration(model.oldest_seconds) : "–"}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function TenantTable() {
  if (!tenants.value.length) return null;
  return html`<section class="rows">
    <h2>${t.workers.tenants}</h2>
    <div class="table-scroll" role="region" tabindex="0" aria-label=${t.workers.tenants}>
      <table>
        <thead>
          <tr><th scope="col">${t.workers.tenant}</th><th scope="col">${t.workers.waiting}</th><th scope="col">${t.workers.weight}</th><th scope="col"><span class="unseen">${t.workers.state}</span></th></tr>
        </thead>
        <tbody>
          ${tenants.value.map((tenant) => html`<${TenantRow} key=${tenant.name} tenant=${tenant} />`)}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** @param {{ tenant: Tenant }} props */
function TenantRow({ tenant }) {
  const action = tenant.paused ? "resume" : "pause";
  const toggle = () => attempt(() => setPaused("tenants", tenant.name, action).then(read));
  return html`<tr>
    <th scope="row">${tenant.name}${tenant.paused && html` <span class="tag">${t.workers.paused}</span>`}</th>
    <td>${f.number(tenant.queued_jobs)}</td>
    <td>${f.number(tenant.weight)}</td>
    <td><${Button} small icon=${tenant.paused ? "play" : "pause"} onClick=${toggle}>${t.models[action]}<//></td>
  </tr>`;
}
