// Says how good a password is while it is typed. The server measures, as it will when it is sent; without an answer nothing is said.

const PAUSE = 300; // ms without a key

export function watchStrength() {
  for (const box of document.querySelectorAll("[data-strength]")) watch(box, document.getElementById(box.dataset.of));
}

function watch(box, input) {
  const [meter, status] = [box.querySelector("meter"), box.querySelector("[role=status]")];
  let pausing, asking;

  const say = (found) => {
    meter.hidden = !found;
    meter.value = found?.power ?? 0;
    status.textContent = found ? box.dataset[found.verdict] : "";
    box.classList.toggle("enough", ["good", "strong"].includes(found?.verdict));
  };

  const ask = async () => {
    asking = new AbortController();
    const { signal } = asking;
    try {
      say(await measured(box, input, signal));
    } catch {
      if (!signal.aborted) say(null);
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(pausing);
    asking?.abort();
    if (input.value) pausing = setTimeout(ask, PAUSE);
    else say(null);
  });
}

async function measured(box, { form, value }, signal) {
  const { csrf_token, username, name } = form.elements;
  const body = new URLSearchParams({ password: value });
  for (const about of [box.dataset.about, username?.value, name?.value]) if (about) body.append("about", about);
  const headers = { "X-CSRF-Token": csrf_token.value };
  const response = await fetch(box.dataset.strength, { method: "POST", body, headers, signal });
  if (!response.ok || response.redirected) throw new Error(`${response.status}`);
  return response.json();
}
