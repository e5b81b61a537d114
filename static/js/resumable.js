// Files that may be large, or many, from a phone that loses its connection: each is sent in pieces and goes on from where
// it stopped. It stands in the place of the plain field, which comes back for who prefers it.

import { Handed } from "./handed.js";
import { icon } from "./icons.js";
import { Addresses, TabList } from "./remembered.js";
import { UPLOAD, fingerprint, isLast, makeTray } from "./tray.js";

class HandIn {
  constructor(form) {
    this.form = form;
    this.says = JSON.parse(form.dataset.resumable);
    this.box = form.querySelector("[data-tray]");
    this.plain = form.querySelector("[data-file]");
    this.status = form.querySelector("[data-tray-status]");
    this.section = document.querySelector("[data-handed]");
    this.addresses = new Addresses(form.action);
    this.begun = new TabList("begun", form.action);
    this.over = new Set();
    this.gone = new AbortController();
    this.refusals = [];
    this.tray = makeTray(this.box.querySelector("[data-uppy]"), this.says, {
      addresses: this.addresses,
      headers: () => this.headers(),
    });
    this.handed = new Handed(this.section, new TabList("handed", form.action), this.says.outcomes);
    this.listen();
    this.show();
  }

  /** Puts the tray in the place of the plain field; says what was begun and not finished before. */
  show() {
    this.plain.hidden = true;
    this.plain.querySelector("input").disabled = true;
    this.box.hidden = false;
    const begun = this.begun.all;
    if (begun.length) this.tell("doubt", this.says.begun, begun.map(({ name }) => name));
  }

  listen() {
    const { tray, form } = this;
    tray.on("restriction-failed", (file, error) => this.refuse(file, error));
    tray.on("files-added", () => this.settle());
    tray.on("upload-success", (file) => this.end(file));
    tray.on("upload-error", (file, _error, answer) => this.fail(file, answer));
    tray.on("file-removed", (file) => this.begun.drop(file.id));
    tray.on("cancel-all", () => this.stop());
    tray.on("complete", () => this.finish());
    const on = (target, type, act) => target?.addEventListener(type, act, { signal: this.gone.signal, capture: true });
    on(form, "submit", () => tray.getFiles().length || this.complain(this.says.missing));
    on(form, "handin", (event) => {
      event.preventDefault();
      this.send(event.detail.rest);
    });
    on(this.box.querySelector("[data-tray-plain]"), "click", () => this.goPlain());
    on(this.section.querySelector("[data-more]"), "click", () => this.more());
    on(globalThis, "offline", () => this.sending && this.tell("doubt", this.says.offline));
    on(globalThis, "online", () => this.online());
    on(globalThis, "beforeunload", (event) => this.sending && event.preventDefault());
  }

  headers() {
    return {
      ...this.says.way,
      "X-CSRF-Token": this.form.elements.csrf_token.value,
      "Accept-Language": document.documentElement.lang,
    };
  }

  /** What the page asks for beside the files goes with each of them. */
  fields() {
    const said = {};
    for (const [name, value] of new FormData(this.form)) {
      if (typeof value === "string" && value && !["csrf_token", "outcome"].includes(name)) said[name] = value;
    }
    return said;
  }

  async send(rest) {
    this.rest = rest;
    const files = this.tray.getFiles();
    if (!files.length) {
      rest();
      this.box.querySelector("[data-uppy-super-focusable=true], .uppy-Dashboard-browse")?.focus();
      return;
    }
    this.tell();
    [this.why, this.ended] = [undefined, false];
    this.hold(true);
    const said = this.fields();
    for (const file of files) {
      const known = await this.addresses.outcomeOf(fingerprint(file));
      const meta = { ...said, filename: file.name, filetype: file.type, outcome: known ?? file.meta.outcome ?? newToken() };
      this.tray.setFileMeta(file.id, meta);
      this.tray.setFileState(file.id, { tus: { ...file.tus, allowedMetaFields: Object.keys(meta) } });
      this.begun.put({ id: file.id, name: file.name });
    }
    this.tray.upload().catch(() => this.finish());
  }

  hold(sending) {
    this.sending = sending;
    this.box.classList.toggle("sending", sending);
    if (!sending) this.rest();
  }

  /** A file arrived whole, or was refused: its row tells. */
  end(file, problem) {
    const { id, name, size, meta } = this.tray.getFile(file.id) ?? file;
    this.handed.add({ id: `${id}:${meta.outcome}`, name, size, outcome: meta.outcome, problem });
    this.addresses.forget(fingerprint(file));
    this.ended = true;
    this.over.add(id);
    setTimeout(() => this.sweep()); // the one who sends it is not done with it yet
  }

  fail(file, answer) {
    const upload = answer?.body?.xhr?.getResponseHeader(UPLOAD);
    if (isLast(answer?.status ?? 0, upload)) this.end(file, detail(answer) ?? this.says.failed);
    else this.why = detail(answer);
  }

  sweep() {
    const gone = [...this.over].filter((id) => this.tray.getFile(id));
    this.over.clear();
    if (gone.length) this.tray.removeFiles(gone);
    if (!this.tray.getFiles().some(({ error }) => error)) this.tray.setState({ error: null });
    for (const id of gone) this.begun.drop(id);
  }

  /** Nothing is on its way any more: all is told, or some of it broke off and can go on. */
  finish() {
    this.sweep();
    if (!this.sending) return;
    this.hold(false);
    if (this.tray.getFiles().length) {
      this.tell("bad", this.why ?? this.says.broken);
      this.form.querySelector("[data-send]").focus();
    } else if (this.ended) {
      this.close();
    } else {
      this.tell("doubt", this.says.stopped);
    }
  }

  stop() {
    if (!this.sending) return;
    this.hold(false);
    this.tell("doubt", this.says.stopped);
  }

  /** The list takes the form's place. */
  close() {
    this.form.hidden = true;
    this.section.classList.add("end");
    const heading = this.section.querySelector("h2");
    heading.focus();
    heading.scrollIntoView({ block: "center" });
  }

  more() {
    this.form.hidden = false;
    this.section.classList.remove("end");
    this.form.scrollIntoView();
    this.box.querySelector(".uppy-Dashboard-browse")?.focus();
  }

  goPlain() {
    this.gone.abort();
    this.tray.destroy();
    this.box.remove();
    this.tell();
    this.plain.hidden = false;
    const input = this.plain.querySelector("input");
    input.disabled = false;
    input.focus();
  }

  online() {
    this.tell();
    if (!this.sending && this.tray.getFiles().some(({ error }) => error)) this.form.requestSubmit();
  }

  refuse(file, error) {
    this.refusals.push(file?.name ? `${file.name}: ${error.message}` : error.message);
    this.settle();
  }

  /** After files were chosen: which of them are not taken, and why. */
  settle() {
    this.settling ??= setTimeout(() => {
      this.settling = undefined;
      const refusals = this.refusals.splice(0);
      this.complain("");
      if (refusals.length) this.tell("bad", this.says.refused, refusals);
      else this.tell();
    });
  }

  complain(message) {
    const error = this.box.querySelector(".error");
    error.replaceChildren(...(message ? [icon("warning"), textIn("span", message)] : []));
    this.box.classList.toggle("wrong", Boolean(message));
  }

  tell(tone, message = "", list = []) {
    const { status } = this;
    status.hidden = !message;
    status.classList.toggle("bad", tone === "bad");
    status.classList.toggle("doubt", tone === "doubt");
    status.querySelector("p").textContent = message;
    status.querySelector("ul").replaceChildren(...list.map((line) => textIn("li", line)));
    status.querySelector("ul").hidden = !list.length;
  }
}

/** What a problem says, in the page's language. */
function detail(answer) {
  try {
    return JSON.parse(answer.body.xhr.responseText).detail;
  } catch {
    return undefined;
  }
}

/** What an outcome's address ends with: 24 bytes of chance. */
function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

function textIn(tag, textContent) {
  return Object.assign(document.createElement(tag), { textContent });
}

for (const form of document.querySelectorAll("form[data-resumable]")) new HandIn(form);
