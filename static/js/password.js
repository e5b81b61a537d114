// A password can be shown while it is typed, and a Caps Lock that is on is said.

/** @param {HTMLElement} box */
export function watchPassword(box) {
  const input = box.querySelector("input");
  const button = box.querySelector("[data-reveal]");
  const label = button.querySelector("span");
  const caps = box.querySelector("[data-caps]");

  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    label.textContent = shown ? label.dataset.textHide : label.dataset.textShow;
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // Sent as a password again, so that no browser offers to remember it as a text.
  input.form.addEventListener("submit", () => show(false));
  for (const type of ["keydown", "keyup"]) {
    input.addEventListener(type, (event) => {
      const on = event.getModifierState?.("CapsLock") ?? false;
      caps.textContent = on ? caps.dataset.caps : "";
    });
  }
  input.addEventListener("blur", () => {
    caps.textContent = "";
  });
}
