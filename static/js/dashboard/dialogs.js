// Dialogs are the browser's own; this opens them where it does not know `command` yet, and closes them from outside.

const KNOWN = "commandForElement" in HTMLButtonElement.prototype;

export function watchDialogs() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    if (!KNOWN && button?.getAttribute("command") === "show-modal") {
      document.getElementById(button.getAttribute("commandfor"))?.showModal();
    }
    if (event.target instanceof HTMLDialogElement && outside(event.target, event)) event.target.close();
  });
}

function outside(dialog, { clientX: x, clientY: y }) {
  const box = dialog.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
