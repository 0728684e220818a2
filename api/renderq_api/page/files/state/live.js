/**
 * News of the service: one event stream of the tenant while the tab is visible. Jobs are listed after it has opened, so
 * nothing is missed in between.
 */
import { effect } from "@preact/signals";

import { send } from "../api.js";
import { readEvents } from "../event-stream.js";
import { signInReason } from "../keys.js";
import { ApiError } from "../problem.js";
import { dropJob, openJobs, putJob, putPlaces } from "./job-store.js";
import { readNewest } from "./older-jobs.js";
import { previewed, putPreview } from "./previews.js";
import { checkVersion, connection, putStats, readService } from "./service.js";

/** Time without a byte after which a stream is lost; heartbeats come every 15 s. */
const SILENCE_MS = 40_000;
const HIDDEN_MS = 10_000;
const HIDDEN_POLL_MS = 15_000;
const LOST_AFTER_MS = 2_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 15_000;
/** Delay before the stream is opened with other previews: cards scroll past. */
const PREVIEWS_MS = 150;

/** @type {AbortController | null} */
let stream = null;
/** Jobs whose previews the stream has been asked for. */
let askedPreviews = "";
let attempts = 0;
let wasLive = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retryTimer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let lostTimer;

/** Start following the service; a hidden tab only looks now and then. */
export function startLive() {
  followVisibility();
  effect(() => {
    if (signInReason.value === null) void connect();
    else close();
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  effect(() => {
    const isAsked = connection.value === "live" && previewed.value !== "" && previewed.value !== askedPreviews;
    clearTimeout(timer);
    if (isAsked) timer = setTimeout(() => connection.peek() === "live" && void follow(false), PREVIEWS_MS);
  });
}

async function connect() {
  clearTimeout(retryTimer);
  lostTimer ??= setTimeout(() => (connection.value = "lost"), LOST_AFTER_MS);
  await follow(true);
}

/** Close the stream; the page keeps what it knows. */
function close() {
  clearTimeout(retryTimer);
  clearTimeout(lostTimer);
  lostTimer = undefined;
  const open = stream;
  stream = null;
  open?.abort();
  connection.value = "connecting";
}

/**
 * Follow a new stream until it ends, and open the next one if it was cut off. The one before is closed as soon as this
 * one is ready.
 *
 * @param {boolean} mustList whether the jobs are listed once it is ready
 */
async function follow(mustList) {
  const controller = new AbortController();
  const before = stream;
  stream = controller;
  let silence = setTimeout(() => controller.abort(), SILENCE_MS);
  let isFirst = true;
  try {
    askedPreviews = previewed.peek();
    const query = askedPreviews ? `?previews=${askedPreviews}` : "";
    const response = await send("GET", `v1/events${query}`, { signal: controller.signal });
    await readEvents(
      response,
      ({ name, data }) => {
        if (name !== "ready") return take(name, JSON.parse(data));
        before?.abort();
        // A second `ready` says that changes may have been missed.
        if (mustList || !isFirst) void refresh(controller);
        isFirst = false;
      },
      () => {
        clearTimeout(silence);
        silence = setTimeout(() => controller.abort(), SILENCE_MS);
      },
    );
    throw new ApiError(0, null);
  } catch (error) {
    clearTimeout(silence);
    before?.abort();
    if (stream === controller) retry(error);
  }
}

/**
 * List the newest jobs, and read what else may have changed.
 *
 * @param {AbortController} controller of the stream that was opened before
 */
async function refresh(controller) {
  try {
    await Promise.all([readNewest(), readService()]);
    if (stream !== controller) return;
    clearTimeout(lostTimer);
    lostTimer = undefined;
    attempts = 0;
    connection.value = "live";
    if (wasLive) void checkVersion();
    wasLive = true;
  } catch {
    controller.abort();
  }
}

/**
 * @param {string} name
 * @param {any} data
 */
function take(name, data) {
  if (name === "job") putJob(data);
  else if (name === "gone") dropJob(data.id);
  else if (name === "places") putPlaces(data.data);
  else if (name === "service") putStats(data);
  else if (name === "preview") putPreview(data.job, data);
}

/** @param {unknown} error */
function retry(error) {
  stream = null;
  // With another key, which another tab has stored meanwhile, the next one may be answered.
  if (document.hidden || (error instanceof ApiError && error.status === 401 && signInReason.peek())) return;
  if (connection.peek() === "live") connection.value = "connecting";
  lostTimer ??= setTimeout(() => (connection.value = "lost"), LOST_AFTER_MS);
  const delay = attempts ? Math.min(MAX_RETRY_MS, 1000 * 2 ** (attempts - 1)) : FIRST_RETRY_MS;
  attempts++;
  retryTimer = setTimeout(() => void connect(), delay * (0.75 + Math.random() / 2));
}

function followVisibility() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const poll = () => {
    timer = setTimeout(poll, HIDDEN_POLL_MS);
    if (openJobs.peek().length) void readNewest().catch(() => {});
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden && !stream && signInReason.peek() === null) void connect();
    if (document.hidden) {
      timer = setTimeout(() => {
        close();
        poll();
      }, HIDDEN_MS);
    }
  });
}
