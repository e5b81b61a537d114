// Ids, addresses and hashes are copied whole by a click on what is shown of them.

const SHOWN = 1_500;

export function watchCopying() {
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return select(button); // no permission: whoever clicked copies by hand
    }
    button.classList.add("copied");
    say(button.dataset.says);
    setTimeout(() => button.classList.remove("copied"), SHOWN);
  });
}

function select(button) {
  const range = document.createRange();
  range.selectNodeContents(button.querySelector("code") ?? button);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

/** Says to those who listen to the page what others see. */
function say(text) {
  const heard = document.querySelector("[data-heard]");
  if (heard && text) heard.textContent = text;
}
