/** The tab's title tells how far the jobs are: "(2) 45 % · renderq". */
import { effect } from "@preact/signals";

import { f, t } from "../words/index.js";
import { route } from "../router.js";
import { openJobs } from "./job-store.js";

/**
 * Return the progress of all open jobs together, 0 to 1.
 *
 * @param {readonly import("renderq").Job[]} jobs
 */
const meanProgress = (jobs) => jobs.reduce((sum, { progress }) => sum + (progress.value ?? 0), 0) / jobs.length;

export function startTitle() {
  effect(() => {
    const jobs = openJobs.value;
    const view = route.value.view === "sign-in" ? "create" : route.value.view;
    const progress = jobs.length ? `(${jobs.length}) ${f.percent(meanProgress(jobs))} · ` : "";
    document.title = `${progress}${view === "create" ? "" : `${t.views[view]} · `}renderq`;
  });
}
