// htmx under the pages' policy: its fragments are ours, scripts in them stay dead, and it evaluates nothing.

import htmx from "htmx.org/dist/htmx.esm.min.js";

const rules = { createHTML: (markup) => markup, createScript: () => "" };

function deny() {
  throw new Error("Nothing is evaluated on these pages.");
}

htmx.registerExtension("strict", {
  init: (api) => api.initSecurity(globalThis.trustedTypes?.createPolicy("htmx", rules) ?? rules, deny, deny),
});
