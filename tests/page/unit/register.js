/** Lets Node import the page's modules: `node --import ./tests/page/unit/register.js --test tests/page/unit`. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

const files = new URL("../../../api/renderq_api/page/files/", import.meta.url);
const imports = JSON.parse(readFileSync(new URL("vendor/imports.json", files), "utf8"));

registerHooks({
  resolve(specifier, context, next) {
    const vendored = imports[specifier];
    const found = next(vendored ? new URL(vendored, files).href : specifier, context);
    return found.url.startsWith(files.href) ? { ...found, format: "module" } : found;
  },
});
