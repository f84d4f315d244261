// Fails when a first load grows beyond its budget (gz): node budgets.mjs, after a build.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budgets = [
  { app: "console", js: 220, css: 20 },
  { app: "staff", js: 150, css: 20 },
];
const kb = (bytes) => Math.round(bytes / 102.4) / 10;
let over = false;
for (const b of budgets) {
  const dir = new URL(`./dist/${b.app}/`, import.meta.url);
  const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dir)));
  const js = new Set();
  const css = new Set();
  const take = (key) => {
    const chunk = manifest[key];
    if (js.has(chunk.file)) return;
    js.add(chunk.file);
    for (const f of chunk.css ?? []) css.add(f);
    for (const k of chunk.imports ?? []) take(k);
  };
  take(Object.keys(manifest).find((k) => manifest[k].isEntry));
  const size = (files) => [...files].reduce((n, f) => n + gzipSync(readFileSync(new URL(f, dir))).length, 0);
  for (const [what, files, limit] of [["JS", js, b.js], ["CSS", css, b.css]]) {
    const n = kb(size(files));
    console.log(`${b.app} first load ${what}: ${n} KB gz (≤ ${limit})`);
    over ||= n > limit;
  }
}
if (over) process.exit(1);
