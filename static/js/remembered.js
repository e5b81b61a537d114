// What a browser keeps of files that are on their way, so that chosen again they go on from where they stopped.
//
// Names and outcomes stay with the tab and go with it. What outlives the tab says nothing to who finds it: a hash of the
// file's traits, and an address that takes more of it and gives nothing away.

const LIFE = 7 * 24 * 3600_000;
const PREFIX = "ventanilla:";

/** Where tus keeps the addresses of what it began. @param {string} address of the form */
export class Addresses {
  constructor(address) {
    this.address = address;
    this.forgetOld();
  }

  async findAllUploads() {
    return [];
  }

  async findUploadsByFingerprint(fingerprint) {
    const key = await this.key(fingerprint);
    const kept = key && read("localStorage", key);
    if (!kept) return [];
    return [{ size: null, metadata: {}, creationTime: new Date(kept.at).toISOString(), uploadUrl: kept.url, urlStorageKey: key }];
  }

  async addUpload(fingerprint, upload) {
    const key = await this.key(fingerprint);
    if (!key) return undefined;
    write("localStorage", key, { url: upload.uploadUrl, outcome: upload.metadata.outcome, at: Date.now() });
    return key;
  }

  /** What the outcome of a file that was begun before is found by. */
  async outcomeOf(fingerprint) {
    const key = await this.key(fingerprint);
    return key && read("localStorage", key)?.outcome;
  }

  async removeUpload(key) {
    remove("localStorage", key);
  }

  async forget(fingerprint) {
    await this.removeUpload(await this.key(fingerprint));
  }

  async key(fingerprint) {
    if (!globalThis.crypto?.subtle) return null; // not to be had on a page that came without TLS
    const traits = new TextEncoder().encode(`${this.address}\n${fingerprint}`);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", traits));
    return PREFIX + Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  forgetOld() {
    for (const key of keys("localStorage")) {
      if (!((read("localStorage", key)?.at ?? 0) > Date.now() - LIFE)) remove("localStorage", key);
    }
  }
}

/** A list that lives as long as the tab does. */
export class TabList {
  constructor(name, address) {
    this.key = `${PREFIX}${name}:${address}`;
  }

  get all() {
    const kept = read("sessionStorage", this.key);
    return Array.isArray(kept) ? kept : [];
  }

  /** Puts one in, in place of what has the same `id`. */
  put(one) {
    write("sessionStorage", this.key, [...this.all.filter(({ id }) => id !== one.id), one]);
  }

  drop(id) {
    write("sessionStorage", this.key, this.all.filter((one) => one.id !== id));
  }
}

// A browser may keep nothing at all, by its settings or because it is full: then nothing is remembered.

function attempt(doing, otherwise) {
  try {
    return doing();
  } catch {
    return otherwise;
  }
}

const read = (store, key) => attempt(() => JSON.parse(globalThis[store].getItem(key)), null);
const write = (store, key, value) => attempt(() => globalThis[store].setItem(key, JSON.stringify(value)));
const remove = (store, key) => attempt(() => globalThis[store].removeItem(key));
const keys = (store) => attempt(() => Object.keys(globalThis[store]).filter((key) => key.startsWith(PREFIX)), []);
