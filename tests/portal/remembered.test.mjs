// What a browser keeps of files on their way: enough to go on, too little to tell anybody anything.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

class Store {
  constructor(full = false) {
    Object.defineProperty(this, "full", { value: full });
  }
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key, value) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this[key] = value;
  }
  removeItem(key) {
    delete this[key];
  }
}

const put = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
put("localStorage", new Store());
put("sessionStorage", new Store());
const { Addresses, TabList } = await import("../../static/js/remembered.js");

const FORM = "https://gateway.example/f/abc";
const FILE = "tus-contrato.pdf-application/pdf-300-7-/files";
const BEGUN = { uploadUrl: "https://gateway.example/files/k", metadata: { outcome: "o", filename: "contrato.pdf", notice: "1" } };

beforeEach(() => {
  put("localStorage", new Store());
  put("sessionStorage", new Store());
});

test("a file that was begun is found again, with its outcome", async () => {
  await new Addresses(FORM).addUpload(FILE, BEGUN);
  const again = new Addresses(FORM);
  const [found] = await again.findUploadsByFingerprint(FILE);
  assert.equal(found.uploadUrl, BEGUN.uploadUrl);
  assert.equal(await again.outcomeOf(FILE), "o");
  await again.forget(FILE);
  assert.deepEqual(await again.findUploadsByFingerprint(FILE), []);
});

test("nothing that is kept names the file or what was said with it", async () => {
  await new Addresses(FORM).addUpload(FILE, BEGUN);
  const kept = JSON.stringify({ ...localStorage });
  for (const said of ["contrato", "pdf", "notice", "/f/abc"]) assert.ok(!kept.includes(said), said);
});

test("another form's page does not find it", async () => {
  await new Addresses(FORM).addUpload(FILE, BEGUN);
  assert.deepEqual(await new Addresses(`${FORM}d`).findUploadsByFingerprint(FILE), []);
});

test("what is old, or not to be read, is forgotten; what is another's stays", async () => {
  const [old, broken] = ["ventanilla:old", "ventanilla:broken"];
  localStorage.setItem(old, JSON.stringify({ url: "x", at: Date.now() - 8 * 24 * 3600_000 }));
  localStorage.setItem(broken, "{");
  localStorage.setItem("another", "1");
  await new Addresses(FORM).addUpload(FILE, BEGUN);
  const keys = Object.keys(localStorage);
  new Addresses(FORM);
  assert.deepEqual(Object.keys(localStorage), keys.filter((key) => key !== old && key !== broken));
  assert.equal(Object.keys(localStorage).length, 2);
});

test("a list of the tab has each once, the newest last", () => {
  const list = new TabList("begun", FORM);
  for (const id of ["a", "b", "a"]) list.put({ id });
  assert.deepEqual(list.all, [{ id: "b" }, { id: "a" }]);
  list.drop("b");
  assert.deepEqual(new TabList("begun", FORM).all, [{ id: "a" }]);
  assert.deepEqual(new TabList("begun", `${FORM}d`).all, []);
});

test("a browser that keeps nothing is no reason not to send", async () => {
  put("localStorage", new Store(true));
  Object.defineProperty(globalThis, "sessionStorage", {
    configurable: true,
    get() {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const addresses = new Addresses(FORM);
  await addresses.addUpload(FILE, BEGUN);
  assert.deepEqual(await addresses.findUploadsByFingerprint(FILE), []);
  const list = new TabList("begun", FORM);
  list.put({ id: "a" });
  assert.deepEqual(list.all, []);
});
