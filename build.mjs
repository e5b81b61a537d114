// Builds static/ into static/dist: hashed names, a manifest, a sprite of icons each for portal and dashboard. Same sources, same bytes.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

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
/** The same for the dashboard, which has those of the portal as well. */
const DASHBOARD_ICONS = {
  ...ICONS,
  forward: "arrow-right",
  home: "house",
  uploads: "upload",
  building: "building",
  plug: "plug",
  form: "ui-checks",
  key: "key",
  journal: "journal-text",
  people: "people",
  person: "person-circle",
  search: "search",
  menu: "list",
  up: "chevron-expand",
  gear: "gear",
  keyboard: "keyboard",
  leave: "box-arrow-right",
  close: "x-lg",
  copy: "copy",
  plus: "plus-lg",
  pause: "pause-circle-fill",
  play: "play-circle-fill",
  trash: "trash3",
  pencil: "pencil",
  link: "link-45deg",
  outside: "box-arrow-up-right",
  clock: "clock",
  chart: "bar-chart",
  disk: "hdd",
  bell: "bell",
  filter: "funnel",
  shield: "shield-check",
  mail: "envelope",
  qr: "qr-code",
  activity: "activity",
  calendar: "calendar-x",
  phone: "phone",
  laptop: "laptop",
  fingerprint: "fingerprint",
  circle: "circle",
};

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

/** Of the kit's stylesheet only the rules are kept that the dashboard's pages and scripts have words for. */
const purged = {
  name: "purged",
  setup({ onLoad }) {
    onLoad({ filter: /@tabler[/\\]core[/\\].*\.css$/ }, async ({ path: file }) => {
      const [{ css }] = await new PurgeCSS().purge({
        content: ["templates/dashboard/**/*.html", "app/dashboard/**/*.py", "static/js/dashboard/**/*.js"],
        css: [{ raw: await readFile(file, "utf8") }],
        fontFace: true,
        keyframes: true,
        variables: true,
      });
      return { contents: css, loader: "css" };
    });
  },
};

const result = await build({
  entryPoints: [
    "static/js/framed.js",
    ...["portal", "resumable"].flatMap((name) => [`static/js/${name}.js`, `static/css/${name}.css`]),
    "static/js/dashboard/dashboard.js",
    "static/js/dashboard/dashboard-handing-in.js",
    "static/js/dashboard/dashboard-passwords.js",
    "static/css/dashboard.css",
    "static/js/dashboard/charts.js",
    "static/css/charts.css",
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
  plugins: [purged, pictures],
});

// For pages of others, who cannot be asked to load it as a module.
const script = await build({
  entryPoints: ["static/js/embed.js"],
  outdir: DIST,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  metafile: true,
  logLevel: "warning",
});
const outputs = { ...result.metafile.outputs, ...script.metafile.outputs };

const manifest = {};
for (const [file, { entryPoint }] of Object.entries(outputs)) {
  if (entryPoint) manifest[path.basename(entryPoint)] = path.basename(file);
}
manifest["icons.svg"] = await put("icons.svg", await sprite(ICONS));
manifest["dashboard-icons.svg"] = await put("dashboard-icons.svg", await sprite(DASHBOARD_ICONS));
manifest["favicon.svg"] = await put("favicon.svg", await readFile("static/favicon.svg"));
const whole = new Set([...Object.values(manifest), ...Object.keys(outputs).map((file) => path.basename(file))]);
for (const name of [...whole].filter((name) => /\.(css|js|svg)$/.test(name))) {
  await writeFile(path.join(DIST, `${name}.gz`), gzipSync(await readFile(path.join(DIST, name)), { level: 9 }));
}
// Pages that are open ask for what they were built with: what the former build named stays until the next one.
const former = await readFile(path.join(DIST, "manifest.json"), "utf8").then((text) => Object.values(JSON.parse(text)), () => []);
// Written after all that it names: make takes it as the sign that the build is whole, and a gateway may be running.
await writeFile(path.join(DIST, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const name of ["manifest.json", ...former]) whole.add(name);
for (const name of await readdir(DIST)) {
  if (!whole.has(name.replace(/\.gz$/, ""))) await rm(path.join(DIST, name));
}

/** Joins the chosen icons into `<symbol>`s of one file. */
async function sprite(icons) {
  const symbols = await Promise.all(
    Object.entries(icons).map(async ([name, file]) => {
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
