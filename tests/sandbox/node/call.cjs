// Makes calls with the vendor's own client, as JSON on stdin asks for them, and tells on stdout what came of each.
const { readFileSync } = require("node:fs");
const Facturapi = require("facturapi").default;

const { base, key, calls } = JSON.parse(readFileSync(0, "utf8"));
const client = new Facturapi(key);
client.BASE_URL = base;

const given = (value) => (value?.$base64 === undefined ? value : Buffer.from(value.$base64, "base64"));
const isPlain = (value) =>
  value === null || typeof value !== "object" || [Object, Array].includes(value.constructor);

async function outcome([method, ...values]) {
  try {
    const value = await client.organizations[method](...values.map(given));
    return isPlain(value) ? { ok: true, value } : { ok: true, stream: value.constructor.name };
  } catch (error) {
    const { name, message, status, code, path, location, errors, logId, headers } = error;
    return { ok: false, error: { name, message, status, code, path, location, errors, logId, headers } };
  }
}

(async () => {
  const outcomes = [];
  for (const call of calls) outcomes.push(await outcome(call));
  console.log(JSON.stringify(outcomes));
})();
