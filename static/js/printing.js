// A button that prints the page; without scripts there is none, and the browser's own way is left.

/** @param {HTMLButtonElement} button */
export function offerPrinting(button) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
