// What became of each file, one below the other: its name, its state, its lasting page. What a row says is taken from
// that page, so that both always say the same.

import { size } from "./sizes.js";

const FIRST = 500;
const LONGEST = 20_000;

export class Handed {
  /**
   * @param {HTMLElement} section with the list, the row's template and what is said of something refused
   * @param {import("./remembered.js").TabList} kept what this tab has handed in so far
   * @param {string} outcomes address that an outcome's token is put behind
   */
  constructor(section, kept, outcomes) {
    this.section = section;
    this.list = section.querySelector("ul");
    this.kept = kept;
    this.outcomes = outcomes;
    this.rows = new Map();
    for (const one of kept.all) this.show(one);
  }

  /** @param {{ id: string, name: string, size: number, outcome: string, problem?: string }} one */
  add(one) {
    this.kept.put(one);
    this.show(one);
    this.section.dispatchEvent(new CustomEvent("handed", { bubbles: true }));
  }

  show(one) {
    this.rows.get(one.id)?.end();
    const row = new Row(one, this.section, `${this.outcomes}${one.outcome}`);
    this.rows.set(one.id, row);
    this.list.append(row.element);
    this.section.hidden = false;
    row.follow();
  }
}

class Row {
  constructor(one, section, address) {
    this.one = one;
    this.address = address;
    this.element = section.querySelector("template[data-row]").content.firstElementChild.cloneNode(true);
    this.refused = section.querySelector("template[data-refused]").content.firstElementChild;
    for (const name of this.element.querySelectorAll("[data-row-name]")) name.textContent = one.name;
    this.find("size").textContent = size(one.size);
    this.find("why").textContent = one.problem ?? "";
  }

  find(part) {
    return this.element.querySelector(`[data-row-${part}]`);
  }

  /** Looks at its page until that says that it is over. */
  async follow(wait = FIRST) {
    if (this.over) return;
    const page = await look(this.address);
    if (this.over) return;
    if (page === "nothing" && this.one.problem) {
      this.find("state").replaceChildren(this.refused.cloneNode(true));
      return;
    }
    if (page instanceof Document) this.draw(page);
    if (page instanceof Document && !page.querySelector("[data-watch]")) return;
    this.timer = setTimeout(() => this.follow(Math.min(wait * 1.3, LONGEST)), wait);
  }

  draw(page) {
    const state = page.querySelector(".state");
    if (this.find("state").textContent.trim() !== state.textContent.trim()) {
      this.find("state").replaceChildren(document.adoptNode(state));
    }
    this.find("why").textContent = page.querySelector(".callout p")?.textContent.trim() ?? this.one.problem ?? "";
    this.find("page").href = this.address;
    this.find("page").hidden = false;
  }

  end() {
    this.over = true;
    clearTimeout(this.timer);
    this.element.remove();
  }
}

/** The page at an address; "nothing" where there is none, undefined where nobody can tell now. */
function look(address) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 15_000;
    const found = () => (request.response?.querySelector(".state") ? request.response : undefined);
    request.addEventListener("load", () => resolve(request.status === 404 ? "nothing" : found()));
    for (const type of ["error", "timeout", "abort"]) request.addEventListener(type, () => resolve(undefined));
    request.send();
  });
}
