// Sends a file with tus-js-client, as JSON on stdin asks for it, and tells on stdout where it went.
const { createReadStream, readFileSync } = require("node:fs");
const tus = require("tus-js-client");

const { base, key, path, metadata, options } = JSON.parse(readFileSync(0, "utf8"));

const upload = new tus.Upload(createReadStream(path), {
  endpoint: base,
  headers: { Authorization: `Bearer ${key}` },
  metadata,
  retryDelays: Array(100).fill(10),
  ...options,
  onError: (error) => console.log(JSON.stringify({ ok: false, error: String(error) })),
  onSuccess: () => console.log(JSON.stringify({ ok: true, value: upload.url })),
});
upload.start();
