// What a picked file seems to be: the shapes of what the SAT gives, and of what people pick instead.
import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf } from "../../static/js/kinds.js";

const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
const text = (string) => new TextEncoder().encode(string);

const CERTIFICATE = bytes("3082058730820370a00302010202143330303031303030303030353030303033343136");
const KEY = bytes(`3082050e3040${"00".repeat(64)}048204c8`);
const DECRYPTED = bytes("308204bd020100300d06092a864886f70d0101010500");
const REQUEST = bytes("308202ff308201e7020100308185310b3009");
const PFX = bytes("30820a5a02010330820a2006092a864886f70d010701");
const ZIP = bytes("504b03041400000008000000");

for (const [name, head, kind] of [
  ["00001000000512345678.cer", CERTIFICATE, "certificate"],
  ["renamed.key", CERTIFICATE, "certificate"],
  ["CSD_Matriz.key", KEY, "key"],
  ["plain.key", DECRYPTED, "decrypted"],
  ["Requerimiento.req", REQUEST, "req"],
  ["renamed.cer", REQUEST, "req"],
  ["both.pfx", PFX, "pfx"],
  ["renamed.cer", PFX, "pfx"],
  ["files.zip", ZIP, "zip"],
  ["renamed.cer", ZIP, "zip"],
  ["CSD_Matriz.sdg", ZIP, "sdg"],
  ["CSD_Matriz.SDG", bytes("00010203"), "sdg"],
  ["a.cer", text("-----BEGIN CERTIFICATE-----\nMII"), "pem"],
  ["a.cer", text("\ufeff-----BEGIN CERTIFICATE-----"), "pem"],
  ["a.cer", text("MIIFhzCCA3CgAwIBAgIUMzAwMDEwMDAwMDA1MDAwMDM0MTY"), "pem"],
  ["notes.txt", text("Hello, this is a note."), "unknown"],
  ["empty.cer", new Uint8Array(0), "unknown"],
  ["cut.cer", bytes("3082"), "unknown"],
  ["cut.cer", bytes("30820587"), "unknown"],
]) {
  test(`${name} with ${head.length} bytes is ${kind}`, () => assert.equal(kindOf(head, name), kind));
}

test("no head of any length throws", () => {
  for (const whole of [CERTIFICATE, KEY, DECRYPTED, REQUEST, PFX, ZIP]) {
    for (let end = 0; end <= whole.length; end += 1) assert.equal(typeof kindOf(whole.subarray(0, end), "a.cer"), "string");
  }
});
