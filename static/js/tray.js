// Where files are put, looked over and sent from: Uppy's Dashboard and its tus client, with our words and our rules.

import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import es_ES from "@uppy/locales/lib/es_ES.js";
import es_MX from "@uppy/locales/lib/es_MX.js";
import Tus from "@uppy/tus";

const ENDPOINT = "/files";
const AT_ONCE = 3;
/** Milliseconds from one try to the next; whatever arrives in between starts them anew. */
const PAUSES = [0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];
/** Header of an answer about what a file has become: it is whole, and over whatever its status. */
export const UPLOAD = "Ventanilla-Upload";
/** Answers below 500 after which the same may be tried again: too slow, out of step, in use, too early, too many. */
const PASSING = new Set([408, 409, 423, 425, 429]);

/** Room that the list needs, in pixels: with more rows it scrolls. */
const EMPTY = 132;
const ROW = 71;
const BAR = 48 + 2;
const PROGRESS = 64;
const MOST_ROWS = 5;
/** A finger drops nothing, and phones know no folders. */
const POINTS = matchMedia("(hover: hover) and (pointer: fine)");

/**
 * @param {HTMLElement} place
 * @param {{ texts: object, accept: string[], most: number, files: number|null, way: object }} says
 * @param {object} of
 * @param {import("./remembered.js").Addresses} of.addresses
 * @param {() => Record<string, string>} of.headers
 */
export function makeTray(place, says, { addresses, headers }) {
  const uppy = new Uppy({
    id: "hand-in",
    logger: { debug() {}, warn() {}, error() {} },
    allowMultipleUploadBatches: false,
    restrictions: {
      maxFileSize: says.most,
      minFileSize: 1,
      maxNumberOfFiles: says.files,
      allowedFileTypes: says.accept.length ? says.accept : null,
    },
    locale: words(says.texts),
  });
  uppy.use(Dashboard, {
    target: place,
    inline: true,
    width: "100%",
    height: EMPTY,
    fileManagerSelectionType: says.files !== 1 && POINTS.matches ? "both" : "files",
    singleFileFullScreen: false,
    proudlyDisplayPoweredByUppy: false,
    disableThumbnailGenerator: true,
    disableInformer: true,
    hideUploadButton: true,
    hideRetryButton: true,
  });
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
  const fit = () => {
    const height = roomFor(uppy.getFiles());
    uppy.getPlugin("Dashboard").setOptions({ height });
  };
  new MutationObserver(() => nameList(place)).observe(place, { childList: true, subtree: true });
  for (const event of ["files-added", "file-removed", "upload", "complete", "cancel-all"]) uppy.on(event, fit);
  return uppy;
}

/** What tus knows a file by; the plugin makes it the same way. */
export const fingerprint = (file) => `tus-${file.id}-${ENDPOINT}`;

/** Whether an answer ends it: nothing that is sent once more would change it. */
export function isLast(status, upload) {
  return Boolean(upload) || (status >= 400 && status < 500 && !PASSING.has(status));
}

/** A single file is an item of a list, too; where there is but one, Uppy does not say that it is a list. */
function nameList(place) {
  for (const list of place.querySelectorAll(".uppy-Dashboard-files:not([role])")) list.setAttribute("role", "list");
}

function roomFor(files) {
  if (!files.length) return EMPTY;
  const begun = files.some(({ progress, error }) => progress.uploadStarted || error);
  return BAR + ROW * Math.min(files.length, MOST_ROWS) + (begun ? PROGRESS : 0);
}

/** Mexico's words, Spain's where those are missing, and above all our own. English is Uppy's own. */
function words(said) {
  const texts = POINTS.matches ? said : { ...said, dropPasteFiles: "%{browseFiles}" };
  if (document.documentElement.lang !== "es") return { strings: texts };
  return { ...es_MX, strings: { ...es_ES.strings, ...es_MX.strings, ...texts } };
}
