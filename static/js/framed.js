// A page of ours inside another: tells that one how high it is and what it shows, once it has said that it is there.
// It is told by its exact origin, which has to be one of those that may frame this page; nobody else hears anything.

const said = document.querySelector("meta[name=ventanilla-frame]").dataset;
const allowed = said.origins.split(" ");
let host;

addEventListener("message", ({ data, origin, source }) => {
  if (source !== parent || data?.ventanilla !== "hello" || !allowed.includes(origin)) return;
  host = origin;
  fit();
  tell("page", { page: said.page, state: said.state || null, ...place() });
});

// What came in pieces is told of here, and on no page of its own.
document.addEventListener("handed", () => tell("handed-in"));

new ResizeObserver(fit).observe(document.documentElement);

/** From where to where there stands what has to be seen: what is wrong with its field, or the page's beginning. */
function place() {
  const field = document.querySelector("[autofocus]")?.closest(".field, .callout");
  const { top, bottom } = field?.getBoundingClientRect() ?? { top: -scrollY, bottom: -scrollY };
  return { from: Math.floor(top + scrollY), to: Math.ceil(bottom + scrollY) };
}

function fit() {
  tell("height", { height: Math.ceil(document.documentElement.getBoundingClientRect().height) });
}

function tell(ventanilla, more = {}) {
  if (host) parent.postMessage({ ventanilla, ...more }, host);
}
