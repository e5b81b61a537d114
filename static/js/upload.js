// Sends a form whose file may be large: how much of it has left is shown, and it can be stopped.

import { size } from "./sizes.js";

/**
 * @param {HTMLFormElement} form
 * @param {{ rest: () => void, showAnew: (page: Document) => void }} page what becomes of it where it is not taken
 */
export function upload(form, { rest, showAnew }) {
  const view = new View(form);
  const request = new XMLHttpRequest();
  const leaving = (event) => event.preventDefault();
  const end = () => {
    removeEventListener("beforeunload", leaving);
    view.stop.removeEventListener("click", stop);
  };
  const stop = () => request.abort();

  request.open("POST", form.action);
  request.responseType = "document";
  request.upload.addEventListener("progress", (event) => view.sent(event.loaded, event.total));
  request.upload.addEventListener("load", () => view.all());
  request.addEventListener("load", () => {
    end();
    if (request.status < 400) return location.assign(request.responseURL);
    rest();
    return request.response?.querySelector("main") ? showAnew(request.response) : view.ended("saysBroken");
  });
  request.addEventListener("error", async () => {
    const arrived = await isKnown(form.dataset.outcome);
    end();
    if (arrived) return location.assign(form.dataset.outcome);
    rest();
    return view.ended("saysBroken");
  });
  request.addEventListener("abort", () => {
    end();
    rest();
    view.ended("saysStopped");
  });
  addEventListener("beforeunload", leaving);
  view.stop.addEventListener("click", stop);
  view.begin();
  request.send(new FormData(form));
}

/** Whether the gateway wrote down what was sent before the answer got lost. */
async function isKnown(address) {
  try {
    return (await fetch(`${address}/state`, { signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    return false;
  }
}

class View {
  constructor(form) {
    const find = (name) => form.querySelector(`[data-${name}]`);
    [this.bar, this.amount, this.status, this.stop, this.end] = ["bar", "amount", "status", "stop", "ended"].map(find);
    this.send = find("send");
  }

  begin() {
    this.end.hidden = true;
    this.amount.textContent = "";
    this.bar.value = 0;
    this.stop.hidden = false;
    this.status.textContent = this.status.dataset.textSending;
  }

  sent(some, all) {
    this.bar.value = all ? some / all : 0;
    const words = this.amount.dataset.text.replace("{sent}", size(some)).replace("{all}", size(all));
    this.amount.textContent = `${words} (${Math.floor((100 * some) / all)} %)`;
  }

  all() {
    this.bar.removeAttribute("value"); // nobody knows how long the rest takes
    this.stop.hidden = true; // what has left cannot be called back
    this.status.textContent = this.status.dataset.textSent;
  }

  ended(why) {
    this.end.querySelector("p").textContent = this.end.dataset[why];
    this.end.classList.toggle("bad", why === "saysBroken");
    this.end.classList.toggle("doubt", why === "saysStopped");
    this.end.hidden = false;
    this.send.focus();
  }
}
