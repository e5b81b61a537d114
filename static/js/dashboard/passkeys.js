// Asks the browser for a passkey, to sign in or to set one up, and brings the answer back in a form.

export function watchPasskeys() {
  const able = globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!able) continue;
    form.hidden = false;
    form.querySelector("[data-passkey-use]").addEventListener("click", () => use(form));
  }
}

async function use(form) {
  const button = form.querySelector("[data-passkey-use]");
  button.disabled = true;
  try {
    form.elements.answer.value = JSON.stringify(await answer(await ask(form)));
    form.requestSubmit();
  } catch {
    say(form);
  } finally {
    button.disabled = false;
  }
}

async function ask(form) {
  const headers = { "X-CSRF-Token": form.elements.csrf_token.value };
  const response = await fetch(form.dataset.passkey, { method: "POST", headers });
  if (!response.ok || response.redirected) throw new Error(`${response.status}`);
  return response.json();
}

/** Who is to be asked for a new passkey is named in the question. */
async function answer(options) {
  if (options.user) {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}

function say(form) {
  const fault = form.querySelector("[data-passkey-fault]");
  fault.querySelector("span").textContent = form.dataset.saysFailed;
  fault.hidden = false;
}
