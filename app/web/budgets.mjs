// Fails when a first load grows beyond its budget (KB, gz): node budgets.mjs, after a build.
//
// A first load is all that is fetched before the first screen can draw itself: the entry, the modules that
// every screen stands in, and everything these import. A screen's own code and what it alone uses come later
// and have a limit of their own.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budgets = [
  { app: "console", first: ["src/frame.tsx"], js: 220, css: 20, screen: 350 },
  { app: "staff", first: ["src/features/leads/page.tsx"], js: 150, css: 20, screen: 60 },
];

let over = false;
for (const b of budgets) {
  const dir = new URL(`./dist/${b.app}/`, import.meta.url);
  const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dir)));
  const sizes = new Map();
  const size = (files) => {
    let n = 0;
    for (const f of files) {
      if (!sizes.has(f)) sizes.set(f, gzipSync(readFileSync(new URL(f, dir))).length);
      n += sizes.get(f);
    }
    return Math.round(n / 102.4) / 10;
  };
  /** The files that loading these modules fetches. */
  const load = (keys) => {
    const js = new Set();
    const css = new Set();
    const take = (key) => {
      const chunk = manifest[key];
      if (!chunk) throw new Error(`${b.app} has no ${key} any more: correct budgets.mjs`);
      if (js.has(chunk.file)) return;
      js.add(chunk.file);
      for (const f of chunk.css ?? []) css.add(f);
      for (const k of chunk.imports ?? []) take(k);
    };
    for (const key of keys) take(key);
    return { js, css };
  };
  const tell = (what, n, limit) => {
    console.log(`${String(n).padStart(6)} KB of ${String(limit).padStart(3)}  ${b.app}: ${what}${n > limit ? "  — too much" : ""}`);
    over ||= n > limit;
  };

  const entry = Object.keys(manifest).find((k) => manifest[k].isEntry);
  const first = load([entry, ...b.first]);
  tell("first load, JS", size(first.js), b.js);
  tell("first load, CSS", size(first.css), b.css);
  // What a screen brings beyond the first load; the heaviest is told.
  const screens = Object.keys(manifest)
    .filter((k) => manifest[k].isDynamicEntry && !b.first.includes(k))
    .map((k) => ({ k, n: size([...load([k]).js].filter((f) => !first.js.has(f))) }))
    .sort((x, y) => y.n - x.n);
  if (screens.length > 0) tell(`heaviest screen beyond that, ${screens[0].k}`, screens[0].n, b.screen);
}
if (over) process.exit(1);
