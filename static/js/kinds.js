// What a picked file is, by its first bytes; by its name only where the bytes do not tell.

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const VERSION = 0xa0; // a certificate says its version first, under this tag
const ENDINGS = { zip: "zip", sdg: "sdg", req: "req", pfx: "pfx", p12: "pfx", pem: "pem" };

/**
 * @param {Uint8Array} head the file's first bytes, 64 are enough
 * @param {string} name
 * @returns {"certificate"|"key"|"decrypted"|"zip"|"sdg"|"req"|"pfx"|"pem"|"unknown"}
 */
export function kindOf(head, name) {
  const ending = ENDINGS[name.toLowerCase().split(".").pop()];
  // An .sdg is a ZIP inside, and a person knows it by its name.
  if (head[0] === 0x50 && head[1] === 0x4b) return ending === "sdg" ? "sdg" : "zip";
  if (isText(head)) return "pem";
  return byShape(head) ?? ending ?? "unknown";
}

function byShape(head) {
  const outer = element(head, 0);
  if (outer?.tag !== SEQUENCE) return undefined;
  const first = element(head, outer.content);
  if (first?.tag === INTEGER) return head[first.content] === 3 ? "pfx" : "decrypted";
  if (first?.tag !== SEQUENCE) return undefined;
  const inner = element(head, first.content);
  if (inner?.tag === VERSION) return "certificate";
  if (inner?.tag === INTEGER) return "req";
  // SEQUENCE { SEQUENCE { algorithm … }, OCTET STRING }: an encrypted PKCS#8 key.
  const second = element(head, first.content + first.length);
  return second?.tag === OCTET_STRING ? "key" : undefined;
}

/** Reads one DER element's tag, length and where its content begins. */
function element(bytes, at) {
  if (at + 2 > bytes.length) return undefined;
  const [tag, size] = bytes.subarray(at, at + 2);
  if (size < 0x80) return { tag, length: size, content: at + 2 };
  const count = size & 0x7f;
  if (count === 0 || count > 4 || at + 2 + count > bytes.length) return undefined;
  let length = 0;
  for (const byte of bytes.subarray(at + 2, at + 2 + count)) length = length * 256 + byte;
  return { tag, length, content: at + 2 + count };
}

/** PEM and bare base64, with a byte order mark or without. */
function isText(head) {
  const text = String.fromCharCode(...head).replace(/^\u00ef\u00bb\u00bf/, "").trimStart();
  return text.startsWith("-----BEGIN") || (head.length >= 16 && /^[A-Za-z0-9+/=\r\n]+$/.test(text));
}
