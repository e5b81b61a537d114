// Builds static/ into static/dist: hashed names, a manifest, one sprite of icons. Same sources, same bytes.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const DIST = "static/dist";

/** Name of an icon on our pages → its file in bootstrap-icons. */
const ICONS = {
  check: "check-circle-fill",
  cross: "x-circle-fill",
  question: "question-circle-fill",
  hourglass: "hourglass-split",
  slash: "slash-circle",
  warning: "exclamation-triangle-fill",
  info: "info-circle-fill",
  eye: "eye",
  "eye-off": "eye-slash",
  lock: "lock-fill",
  send: "send-fill",
  swap: "arrow-left-right",
  again: "arrow-repeat",
  caps: "capslock-fill",
  folder: "folder2-open",
  seal: "patch-check-fill",
  print: "printer",
  download: "download",
  back: "arrow-left",
};

await rm(DIST, { recursive: true, force: true });
await mkdir(DIST, { recursive: true });

/** Pictures inside a stylesheet become files of ours: the pages' policy allows no other. */
const pictures = {
  name: "pictures",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^data:image\/svg\+xml[;,]/ }, ({ path: address }) => ({
      path: `${hashed(address)}.svg`,
      namespace: "pictures",
      pluginData: decodeURIComponent(address.slice(address.indexOf(",") + 1)),
    }));
    onLoad({ filter: /./, namespace: "pictures" }, ({ pluginData }) => ({ contents: pluginData, loader: "file" }));
  },
};

const result = await build({
  entryPoints: [
    ...["portal", "resumable"].flatMap((name) => [`static/js/${name}.js`, `static/css/${name}.css`]),
    "static/css/receipt.css",
    "static/css/api.css",
  ],
  outdir: DIST,
  entryNames: "[name]-[hash]",
  assetNames: "picture-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  alias: { "@transloadit/prettier-bytes": "./static/js/uppy-sizes.js" },
  plugins: [pictures],
});

const manifest = {};
for (const [file, { entryPoint }] of Object.entries(result.metafile.outputs)) {
  if (entryPoint) manifest[path.basename(entryPoint)] = path.basename(file);
}
manifest["icons.svg"] = await put("icons.svg", await sprite());
manifest["favicon.svg"] = await put("favicon.svg", await readFile("static/favicon.svg"));
// Written last: make takes it as the sign that the build is whole.
await writeFile(path.join(DIST, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

/** Joins the chosen icons into `<symbol>`s of one file. */
async function sprite() {
  const symbols = await Promise.all(
    Object.entries(ICONS).map(async ([name, file]) => {
      const svg = await readFile(`node_modules/bootstrap-icons/icons/${file}.svg`, "utf8");
      const [, box, shapes] = svg.match(/viewBox="([^"]+)"[^>]*>(.*)<\/svg>/s);
      return `<symbol id="${name}" viewBox="${box}" fill="currentColor">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

async function put(name, content) {
  const hash = hashed(content);
  const { name: stem, ext } = path.parse(name);
  await writeFile(path.join(DIST, `${stem}-${hash}${ext}`), content);
  return `${stem}-${hash}${ext}`;
}

function hashed(content) {
  return createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
}
