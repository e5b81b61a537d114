// What was done is said above the page until somebody closes it, and what is wrong takes the focus.

export function watchNotices() {
  ready(document);
  document.addEventListener("htmx:after:swap", () => ready(document));
  document.addEventListener("click", ({ target }) => {
    target.closest("[data-close]")?.closest("[data-notice]")?.remove();
  });
}

function ready(page) {
  for (const button of page.querySelectorAll("[data-close][hidden]")) button.hidden = false;
  const faults = page.querySelector("[data-faults]:not([data-seen])");
  if (faults) {
    faults.dataset.seen = "";
    faults.focus();
  }
}
