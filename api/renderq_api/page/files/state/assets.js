/** Uploaded pictures, and where they can be shown from. */
import { signal } from "@preact/signals";

import { getJob, send, uploadAsset } from "../api.js";
import { jobSignal, putJob } from "./job-store.js";
import { pictureAddress } from "./pictures.js";

/** Pictures whose content is kept, at most; others are read again. */
const MAX_KEPT = 24;

/** Addresses of the pictures' content by id of the asset, the oldest first. */
const addresses = signal(/** @type {Readonly<Record<string, string>>} */ ({}));

/** Pictures that are being read. */
const asked = new Set();

/**
 * Upload a picture. Throws `ApiError`.
 *
 * @param {Blob} file
 */
export async function addAsset(file) {
  const asset = await uploadAsset(file);
  setAddress(asset.id, file);
  return asset;
}

/**
 * Return the address of an input picture, an asset or an image of a job (`job_…/2`); undefined until it was read.
 *
 * @param {string} reference
 */
export function inputAddress(reference) {
  const [id, index] = reference.split("/");
  if (index === undefined) {
    if (!asked.has(id)) void read(id);
    return addresses.value[id];
  }
  const job = jobSignal(id)?.value;
  if (!job && !asked.has(id)) void readJob(id);
  const output = job?.outputs.find((one) => one.index === Number(index));
  return output && pictureAddress(output);
}

/** @param {string} id */
async function readJob(id) {
  asked.add(id);
  await getJob(id).then(putJob, () => {});
}

/** @param {string} id */
async function read(id) {
  asked.add(id);
  try {
    setAddress(id, await (await send("GET", `v1/assets/${encodeURIComponent(id)}/content`)).blob());
  } catch {
    // It has expired, or lies on another origin: it is named without being shown.
  }
}

/**
 * @param {string} id
 * @param {Blob} file
 */
function setAddress(id, file) {
  asked.add(id);
  if (addresses.peek()[id]) return;
  const kept = Object.entries(addresses.peek());
  for (const [oldId, address] of kept.splice(0, kept.length + 1 - MAX_KEPT)) {
    asked.delete(oldId);
    URL.revokeObjectURL(address);
  }
  addresses.value = Object.fromEntries([...kept, [id, URL.createObjectURL(file)]]);
}
