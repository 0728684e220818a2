/**
 * Addresses of finished images. Every answer signs them anew; the first one is kept until a minute before it expires,
 * else the browser would load the same image again.
 */
import { getJob } from "../api.js";
import { putJob } from "./job-store.js";

/**
 * @typedef {import("renderq").ImageFile} ImageFile
 * @typedef {import("renderq").Thumbnail} Thumbnail
 */

const MARGIN_MS = 60_000;

/** @type {Map<string, { address: string, expires: number }>} */
const addresses = new Map();

/**
 * Return an address that needs no key.
 *
 * @param {Pick<ImageFile, "url" | "signed_url" | "signed_url_expires_at">} file
 */
export function pictureAddress({ url, signed_url, signed_url_expires_at }) {
  const known = addresses.get(url);
  if (known && known.expires - MARGIN_MS > Date.now()) return known.address;
  const address = signed_url ?? url;
  const expires = signed_url_expires_at ? Date.parse(signed_url_expires_at) : Infinity;
  addresses.set(url, { address, expires });
  return address;
}

/**
 * Return the addresses among which the browser chooses by size: the thumbnail, and the file itself.
 *
 * @param {ImageFile & { thumbnail?: Thumbnail | null }} file
 */
export function pictureSources(file) {
  if (!file.thumbnail) return undefined;
  const { thumbnail } = file;
  return `${pictureAddress(thumbnail)} ${thumbnail.width}w, ${pictureAddress(file)} ${file.width}w`;
}

/**
 * Ask for fresh addresses of a job's images: one of them did not load.
 *
 * @param {string} jobId
 * @param {ImageFile & { thumbnail?: Thumbnail | null }} file
 */
export async function renewAddress(jobId, file) {
  addresses.delete(file.url);
  if (file.thumbnail) addresses.delete(file.thumbnail.url);
  putJob(await getJob(jobId));
}
