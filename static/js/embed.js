// For a page that shows forms of ours in frames: each frame is as high as what is in it, and what happens there is an
// event on its <iframe>: `ventanilla:page` ({ page, state }) and `ventanilla:handed-in`.

const home = new URL(document.currentScript.src).origin;
const greeted = new WeakSet();

const isOurs = (element) => element instanceof HTMLIFrameElement && element.src.startsWith(`${home}/embedded/`);

/** Whether something of another origin is in the frame by now: what is empty still can be looked into. */
function isLoaded(frame) {
  try {
    return !frame.contentWindow.location.href;
  } catch {
    return true;
  }
}

const greet = (frame) => frame.contentWindow.postMessage({ ventanilla: "hello" }, home);

const does = {
  height(frame, { height }) {
    if (Number.isFinite(height)) frame.style.height = `${height}px`;
  },
  page(frame, { page, state, from, to }) {
    // What the visitor has to see may be above what they look at, or below it; the first page moves nothing.
    if (greeted.has(frame)) show(frame, from, to);
    greeted.add(frame);
    tell(frame, "page", { page, state });
  },
  "handed-in": (frame) => tell(frame, "handed-in"),
};

/** Scrolls as little as brings into view what stands between two heights in the frame, its upper end first. */
function show(frame, from, to) {
  const { top } = frame.getBoundingClientRect();
  if (top + from < 0 || to - from > innerHeight) scrollBy(0, top + from);
  else if (top + to > innerHeight) scrollBy(0, top + to - innerHeight);
}

function tell(frame, name, detail) {
  frame.dispatchEvent(new CustomEvent(`ventanilla:${name}`, { bubbles: true, detail }));
}

addEventListener("message", ({ data, origin, source }) => {
  if (origin !== home || !Object.hasOwn(does, data?.ventanilla)) return;
  const frame = [...document.querySelectorAll("iframe")].find((one) => isOurs(one) && one.contentWindow === source);
  if (frame) does[data.ventanilla](frame, data);
});

// Loads do not bubble, but they can be seen on their way down; so frames that are added later are seen, too.
document.addEventListener("load", ({ target }) => isOurs(target) && greet(target), true);
for (const frame of document.querySelectorAll("iframe")) if (isOurs(frame) && isLoaded(frame)) greet(frame);
