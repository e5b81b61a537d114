// Names, sizes and what a file seems to be, the moment it is picked. It warns and leaves the verdict to the gateway.

import { watchDrop } from "./drop.js";
import { icon } from "./icons.js";
import { kindOf } from "./kinds.js";
import { size } from "./sizes.js";

const HEAD = 128;
/** Above this the gateway closes the connection before it has read everything, and its answer may get lost. */
const HUGE = 1_000_000;
const WANTED = { ".cer": "certificate", ".key": "key" };

/** @param {HTMLFormElement} form */
export function watchFiles(form) {
  const fields = [...form.querySelectorAll("[data-file]")].map((box) => new FileField(box, form.dataset));
  for (const field of fields) {
    field.input.addEventListener("change", async () => {
      await field.look();
      show(fields);
    });
    // A page that comes back from the browser's memory may still hold its files.
    if (field.input.files.length) field.look().then(() => show(fields));
  }
  watchDrop(fields);
  return fields;
}

class FileField {
  constructor(box, says) {
    this.box = box;
    this.input = box.querySelector("input");
    this.input.multiple = false; // what is said beside it is said of one file; several have a tray of their own
    this.area = box.querySelector(".pick");
    this.label = box.querySelector(".choose span");
    this.chosen = box.querySelector(".chosen");
    this.seen = box.querySelector(".seen");
    this.unchosen = { label: this.label.textContent, hint: [...this.chosen.childNodes] };
    this.ending = box.dataset.ending;
    this.endings = box.dataset.endings?.split(",");
    this.most = Number(box.dataset.most);
    /** What streams is as large as the operation says and no larger. */
    this.limit = "exact" in box.dataset ? this.most : Math.max(HUGE, this.most);
    this.says = { ...says, ...box.dataset };
    this.kind = undefined;
    // Our own face of the control; the browser's lies over it unseen and stays what is focused, clicked and spoken.
    box.querySelector("[data-face]").hidden = false;
    this.input.classList.add("covering");
  }

  get file() {
    return this.input.files[0];
  }

  get wanted() {
    return WANTED[this.ending];
  }

  async look() {
    const { file } = this;
    // What cannot be read (a folder, a file that is gone by now) is judged by its name.
    const read = file?.slice(0, HEAD).arrayBuffer().catch(() => new ArrayBuffer());
    const head = read && new Uint8Array(await read);
    // Another file may have been picked while this one was read.
    if (file === this.file) this.kind = head && kindOf(head, file.name);
  }

  /** Takes a file as if it had been picked. */
  take(file) {
    const bag = new DataTransfer();
    bag.items.add(file);
    this.input.files = bag.files;
    for (const type of ["input", "change"]) this.input.dispatchEvent(new Event(type, { bubbles: true }));
  }

  /** What cannot be right whatever the file is: [message]. */
  get impossible() {
    if (this.input.disabled) return undefined; // something else takes the files
    if (!this.file) return this.input.required ? this.says.saysMissingFile : undefined;
    if (this.file.size === 0) return this.says.saysEmpty;
    return this.file.size > this.limit ? this.says.saysHuge : undefined;
  }

  /** Whether its name ends as one of what is taken does. */
  get named() {
    return !this.endings || this.endings.some((ending) => this.file.name.toLowerCase().endsWith(ending));
  }

  /** [tone, message] about the picked file, or nothing. */
  verdict() {
    const { says, kind, wanted } = this;
    if (this.impossible) return ["doubt", this.impossible];
    if (!wanted) return this.named ? undefined : ["doubt", says.saysStrange];
    if (kind === wanted) return ["good", kind === "key" ? says.saysKey : says.saysCertificate];
    if (kind === "key") return ["doubt", says.saysNotCertificate];
    if (kind === "certificate") return ["doubt", says.saysNotKey];
    const message = {
      zip: says.saysZip,
      sdg: says.saysSdg,
      req: says.saysReq,
      pfx: says.saysPfx,
      pem: says.saysPem,
      decrypted: wanted === "key" ? says.saysDecrypted : says.saysStrange,
    }[kind];
    if (!message && this.file.size > this.most) return ["doubt", says.saysLarge];
    return ["doubt", (message ?? says.saysStrange)?.replace("{ending}", this.ending)];
  }
}

function show(fields) {
  const [one, other] = swapped(fields);
  for (const field of fields) {
    const verdict = field === one ? ["doubt", field.says.saysSwapped] : field === other ? undefined : field.verdict();
    field.area.classList.toggle("filled", Boolean(field.file));
    field.label.textContent = field.file ? field.label.dataset.textChange : field.unchosen.label;
    field.chosen.replaceChildren(...(field.file ? named(field.file) : field.unchosen.hint));
    field.seen.replaceChildren(...(field.file && verdict?.[1] ? [described(...verdict)] : []));
    if (field === one) field.seen.append(exchange(one, other));
    field.box.querySelector(".before")?.remove();
  }
}

/** The two fields whose files are in each other's place; the first is where it is said. */
function swapped(fields) {
  const one = fields.find((f) => f.wanted === "certificate" && f.kind === "key");
  const other = fields.find((f) => f.wanted === "key" && f.kind === "certificate");
  return one && other ? [one, other] : [];
}

function exchange(one, other) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: one.says.saysSwap });
  button.addEventListener("click", () => {
    [one.input.files, other.input.files] = [other.input.files, one.input.files];
    [one.kind, other.kind] = [other.kind, one.kind];
    for (const field of [one, other]) clearError(field.box);
    show([one, other]);
    one.input.focus();
  });
  return button;
}

function named(file) {
  return [span("name", file.name), " ", span("size", size(file.size))];
}

function described(tone, message) {
  const words = span(`verdict ${tone}`, "");
  words.append(icon(tone === "good" ? "check" : "warning"), span("", message));
  return words;
}

function span(className, textContent) {
  return Object.assign(document.createElement("span"), { className, textContent });
}

/** Takes an error away from a field whose value changed. */
export function clearError(box) {
  if (box.closest(".question")) return; // what is asked stays to be read while it is answered
  box.classList.remove("wrong");
  box.querySelector(".error")?.replaceChildren();
  box.querySelector("input")?.removeAttribute("aria-invalid");
}
