/** Tells starts and ends of jobs to those who do not see them; not each per cent. */
import { effect } from "@preact/signals";

import { t } from "../words/index.js";
import { jobSignal, visibleIds } from "./job-store.js";
import { hasEnded } from "./jobs.js";
import { announcement } from "./toasts.js";

/** @type {Map<string, string>} status by job */
const told = new Map();

export function startAnnouncements() {
  effect(() => {
    for (const id of visibleIds.value) {
      const job = jobSignal(id)?.value;
      if (!job) continue;
      const before = told.get(id);
      told.set(id, job.status);
      if (before === undefined || before === job.status) continue;
      const prompt = String(job.request.prompt ?? "");
      if (job.status === "running") announcement.value = t.status.started(prompt);
      else if (hasEnded(job)) announcement.value = job.outputs.length ? t.status.ended(prompt) : t.status.stopped(prompt);
    }
  });
}
