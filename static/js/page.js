// Brings a page to life: what lies in it now, also after it was shown anew.

import { watchFiles } from "./files.js";
import { watchOutcome } from "./outcome.js";
import { watchPassword } from "./password.js";
import { offerPrinting } from "./printing.js";
import { watchSending } from "./sending.js";

export function liven() {
  for (const box of document.querySelectorAll("[data-password]")) watchPassword(box);
  for (const form of document.querySelectorAll("form")) watchSending(form, watchFiles(form), showAnew);
  for (const page of document.querySelectorAll("[data-watch]")) watchOutcome(page);
  for (const button of document.querySelectorAll("[data-print]")) offerPrinting(button);

  // `autofocus` is skipped by some browsers after a navigation with a fragment.
  document.querySelector("[autofocus]")?.focus();
}

/** Puts the page that answered in the place of this one; chosen files stay chosen, which no browser does by itself. */
function showAnew(page) {
  const files = new Map([...document.querySelectorAll("input[type=file]")].map((input) => [input.name, input.files]));
  document.title = page.title;
  const main = document.adoptNode(page.querySelector("main"));
  const wrong = main.querySelector("[autofocus]");
  wrong?.removeAttribute("autofocus"); // the browser has its own ideas of when that counts
  document.querySelector("main").replaceWith(main);
  for (const input of document.querySelectorAll("input[type=file]")) input.files = files.get(input.name) ?? input.files;
  for (const again of document.querySelectorAll("[data-again]")) again.remove();
  liven();
  scrollTo(0, 0);
  wrong?.focus();
  wrong?.scrollIntoView({ block: "center" });
}
