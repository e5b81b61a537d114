// Makes calls with the vendor's own client, as JSON on stdin asks for them, and tells on stdout what came of each.
import { text } from "node:stream/consumers";
import Facturapi from "facturapi";

const { base, key, calls } = JSON.parse(await text(process.stdin));
const client = new Facturapi(key);
client.BASE_URL = base;

const given = (value) => (value?.$base64 === undefined ? value : Buffer.from(value.$base64, "base64"));

const outcomes = [];
for (const [method, ...values] of calls) {
  try {
    const value = await client.organizations[method](...values.map(given));
    const plain = value === null || typeof value !== "object" || [Object, Array].includes(value.constructor);
    outcomes.push(plain ? { ok: true, value } : { ok: true, value: null, stream: value.constructor.name });
  } catch (error) {
    const { name, message, status, code, path, location, errors, logId, headers } = error;
    outcomes.push({ ok: false, error: { name, message, status, code, path, location, errors, logId, headers } });
  }
}
console.log(JSON.stringify(outcomes));
