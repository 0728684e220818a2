/** The frame around every view: navigation, and whether the service answers. */
import { html } from "../html.js";
import { Icon } from "../icons.js";
import { route } from "../router.js";
import { viewAddress, VIEWS } from "../routes.js";
import { openJobs } from "../state/job-store.js";
import { connection, isUpdated, stats } from "../state/service.js";
import { f, t } from "../words/index.js";
import { AccountMenu } from "./account-menu.js";

/** @param {{ children: unknown }} props */
export function Shell({ children }) {
  return html`<div class="shell">
    <a class="skip" href="#main">${t.nav.skip}</a>
    <nav class="nav" aria-label=${t.nav.label}>
      <a class="brand" data-page href=${viewAddress("create")} aria-label="renderq">
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" stroke-width="1.7" />
          <path d="M12 3a9 9 0 0 1 0 18Z" fill="currentColor" />
        </svg>
        <span>renderq</span>
      </a>
      <ul>
        ${VIEWS.map((view) => html`<${NavLink} key=${view} view=${view} />`)}
      </ul>
      <div class="nav-foot">
        ${isUpdated.value && html`<p class="pill updated">${t.nav.updated} <button type="button" class="link" onClick=${() => location.reload()}>${t.nav.reload}</button></p>`}
        <${ConnectionPill} />
        <${AccountMenu} />
      </div>
    </nav>
    <main id="main" tabindex="-1">${children}</main>
  </div>`;
}

/** @param {{ view: typeof VIEWS[number] }} props */
function NavLink({ view }) {
  const count = view === "queue" ? openJobs.value.length : 0;
  return html`<li>
    <a data-page href=${viewAddress(view)} aria-current=${route.value.view === view ? "page" : undefined}>
      <${Icon} name=${view} size=${20} />
      <span>${t.views[view]}</span>
      ${count > 0 && html`<b class="count">${f.number(count)}</b>`}
    </a>
  </li>`;
}

function ConnectionPill() {
  if (connection.value === "lost") return html`<p class="pill lost" role="status"><i></i><span>${t.nav.offline}</span></p>`;
  const workers = stats.value?.workers;
  if (workers === undefined) return html`<p class="pill"><i></i><span>${t.nav.connecting}</span></p>`;
  return html`<p class=${`pill ${workers ? "ok" : "none"}`}><i></i><span>${t.nav.workers(workers)}</span></p>`;
}
