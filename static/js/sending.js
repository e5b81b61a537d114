// One press, one hand-in: what is missing is said next to its field, then the button rests and the bar moves.

import { clearError } from "./files.js";
import { icon } from "./icons.js";
import { upload } from "./upload.js";

/**
 * @param {HTMLFormElement} form
 * @param {(page: Document) => void} showAnew puts a page that answered in the place of this one
 */
export function watchSending(form, fileFields, showAnew) {
  const button = form.querySelector("[data-send]");
  const label = button.querySelector("span");
  const progress = form.querySelector("[data-progress]");
  const text = label.textContent;
  let sending = false;

  const rest = () => {
    sending = false;
    button.removeAttribute("aria-disabled");
    label.textContent = text;
    if (progress) progress.hidden = true;
  };

  // Our own words instead of the browser's, which speak its language and show one fault at a time.
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    if (sending || !complete(form, fileFields)) {
      event.preventDefault();
      return;
    }
    sending = true;
    // Not `disabled`: that would take the focus away and, in some browsers, the submission back.
    button.setAttribute("aria-disabled", "true");
    label.textContent = button.dataset.textSending ?? text;
    // What takes files in another way takes it from here.
    if (!form.dispatchEvent(new CustomEvent("handin", { cancelable: true, detail: { rest } }))) {
      event.preventDefault();
      return;
    }
    if (progress) progress.hidden = false;
    if ("streams" in form.dataset) {
      event.preventDefault();
      upload(form, { rest, showAnew });
    }
  });
  form.addEventListener("input", (event) => {
    const box = event.target.closest(".field");
    if (box) clearError(box);
  });
  // Back from the browser's memory: the page may be sent again.
  addEventListener("pageshow", (event) => event.persisted && rest());
}

function complete(form, fileFields) {
  const says = form.dataset;
  let first;
  for (const input of form.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    const message = fileFields.find((field) => field.input === input)?.impossible ?? missing(input, says);
    if (!message) continue;
    complain(input.closest(".field"), input, message);
    first ??= input;
  }
  first?.focus();
  return !first;
}

function missing(input, says) {
  if (input.type === "file" || input.validity.valid) return undefined;
  return input.name === "notice" ? says.saysNotice : says.saysMissingField;
}

function complain(box, input, message) {
  box.classList.add("wrong");
  input.setAttribute("aria-invalid", "true");
  const words = Object.assign(document.createElement("span"), { textContent: message });
  box.querySelector(".error").replaceChildren(icon("warning"), words);
  if ("file" in box.dataset) box.querySelector(".seen").replaceChildren(); // once is enough
}
