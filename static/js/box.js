// Where files are put and looked over: Uppy's Dashboard, with our words and our rules. How they are sent is another's.

import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import es_ES from "@uppy/locales/lib/es_ES.js";
import es_MX from "@uppy/locales/lib/es_MX.js";

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
 * @param {{ texts: object, accept: string[], most: number, files: number|null }} says
 */
export function makeBox(place, says) {
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
  const fit = () => {
    const height = roomFor(uppy.getFiles());
    uppy.getPlugin("Dashboard").setOptions({ height });
  };
  new MutationObserver(() => nameList(place)).observe(place, { childList: true, subtree: true });
  for (const event of ["files-added", "file-removed", "upload", "complete", "cancel-all"]) uppy.on(event, fit);
  return uppy;
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
