// Keys: `/` searches, `g` and a letter go somewhere, `?` shows them. None of them while somebody types, nor where they
// were turned off: who speaks to the device, or misses keys, sets them off by accident.

const AFTER_G = 1_500;
let until = 0;

export function watchKeys() {
  if (document.documentElement.dataset.keys === "off") return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const went = Date.now() < until && follow(event.key);
    until = event.key === "g" && !went ? Date.now() + AFTER_G : 0;
    if (went || press(event.key)) event.preventDefault();
  });
}

function follow(key) {
  const way = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  way?.click();
  return Boolean(way);
}

function press(key) {
  if (key === "/") return search();
  if (key !== "?") return false;
  document.getElementById("keys")?.showModal();
  return true;
}

/** On a phone the field lies in the menu, which has to be open to be typed in. */
function search() {
  const field = document.querySelector("[data-search]");
  if (!field) return false;
  if (!field.checkVisibility()) field.closest("[popover]")?.showPopover();
  field.focus();
  field.select();
  return true;
}

function typing(element) {
  return element.isContentEditable || element.matches?.("input:not([type=checkbox], [type=radio]), textarea, select");
}
