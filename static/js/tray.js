// Where files are sent from in pieces: the box that they are put into, and Uppy's tus client.

import Tus from "@uppy/tus";
import { makeBox } from "./box.js";

const ENDPOINT = "/files";
const AT_ONCE = 3;
/** Milliseconds from one try to the next; whatever arrives in between starts them anew. */
const PAUSES = [0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];
/** Header of an answer about what a file has become: it is whole, and over whatever its status. */
export const UPLOAD = "Ventanilla-Upload";
/** Answers below 500 after which the same may be tried again: too slow, out of step, in use, too early, too many. */
const PASSING = new Set([408, 409, 423, 425, 429]);

/**
 * @param {HTMLElement} place
 * @param {{ texts: object, accept: string[], most: number, files: number|null, way: object }} says
 * @param {object} of
 * @param {import("./remembered.js").Addresses} of.addresses
 * @param {() => Record<string, string>} of.headers
 */
export function makeTray(place, says, { addresses, headers }) {
  const uppy = makeBox(place, says);
  uppy.use(Tus, {
    endpoint: ENDPOINT,
    limit: AT_ONCE,
    retryDelays: PAUSES,
    urlStorage: addresses,
    allowedMetaFields: [],
    headers,
    onShouldRetry: (error, _attempt, _options, next) => {
      const answer = error.originalResponse;
      const status = answer?.getStatus() ?? 0;
      if (isLast(status, answer?.getHeader(UPLOAD))) return false;
      return status === 429 || status === 0 ? next(error) : true;
    },
  });
  return uppy;
}

/** What tus knows a file by; the plugin makes it the same way. */
export const fingerprint = (file) => `tus-${file.id}-${ENDPOINT}`;

/** Whether an answer ends it: nothing that is sent once more would change it. */
export function isLast(status, upload) {
  return Boolean(upload) || (status >= 400 && status < 500 && !PASSING.has(status));
}
