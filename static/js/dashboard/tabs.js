// On a phone the tabs are a row that is longer than the screen; the one that is open is brought into it.

export function showTab() {
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}
