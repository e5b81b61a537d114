// An outcome page that is not final asks for its state and loads itself again once that has changed; until then
// nothing on it moves, and not under somebody who is typing either.

const EVERY = 3_000;
const LONGEST = 30_000;
/** A receipt is sealed within a second or so. */
const SOON = 1_000;

/** @param {HTMLElement} page */
export function watchOutcome(page) {
  let wait = page.dataset.receipt ? SOON : EVERY;
  const look = async () => {
    try {
      const answer = await fetch(page.dataset.watch, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10_000) });
      if (answer.ok && changed(page.dataset, await answer.json()) && !isTyping(page)) return location.replace(page.dataset.page);
      wait = Math.min(wait * 1.2, LONGEST);
    } catch {
      wait = LONGEST; // offline, or asleep: later
    }
    setTimeout(look, wait);
  };
  setTimeout(look, wait);
}

function isTyping(page) {
  return [...page.querySelectorAll("input[type=email]")].some((input) => input.value && input === document.activeElement);
}

function changed(shown, now) {
  return now.state !== shown.state || (now.provider_status ?? "") !== shown.providerStatus || (shown.receipt && now.receipt);
}
