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
  page(frame, { page, state }) {
    // The next page may be shorter, and begin above what the visitor looks at.
    if (greeted.has(frame) && frame.getBoundingClientRect().top < 0) frame.scrollIntoView();
    greeted.add(frame);
    tell(frame, "page", { page, state });
  },
  "handed-in": (frame) => tell(frame, "handed-in"),
};

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
