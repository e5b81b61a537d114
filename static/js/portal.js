// Everything here is a comfort: each page works without it.

import { watchFiles } from "./files.js";
import { watchOutcome } from "./outcome.js";
import { watchPassword } from "./password.js";
import { watchSending } from "./sending.js";

for (const box of document.querySelectorAll("[data-password]")) watchPassword(box);
for (const form of document.querySelectorAll("form")) {
  watchSending(form, watchFiles(form));
}
for (const page of document.querySelectorAll("[data-watch]")) watchOutcome(page);

// `autofocus` is skipped by some browsers after a navigation with a fragment.
document.querySelector("[autofocus]")?.focus();
