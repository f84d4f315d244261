// Drives the whole program in Chromium: node run.mjs --koi bin/koi [NAME…], where NAME picks the flows whose
// name or file contains it. Every flow fails on any complaint of the browser that it did not announce, and
// then leaves a picture, the page and the browser's console in failed/.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Browser } from "./browser.mjs";
import { World } from "./world.mjs";

const { values, positionals } = parseArgs({ options: { koi: { type: "string" }, keep: { type: "boolean" } }, allowPositionals: true });
const koi = values.koi ?? new URL("../../../bin/koi", import.meta.url).pathname;
const failures = new URL("./failed/", import.meta.url).pathname;
const limit = 60_000;

const flows = [];
for (const file of (await readdir(new URL("./flows/", import.meta.url))).sort()) {
  if (!file.endsWith(".mjs")) continue;
  const module = await import(`./flows/${file}`);
  for (const flow of module.default) flows.push({ world: module.world ?? "koi", file, ...flow });
}
const wanted = flows.filter((f) => positionals.length === 0 || positionals.some((p) => f.name.includes(p) || f.file.includes(p)));
if (wanted.length === 0) {
  console.error(`no flow is called ${positionals.join(" or ")}; there are:\n${flows.map((f) => `  ${f.file}: ${f.name}`).join("\n")}`);
  process.exit(2);
}

await rm(failures, { recursive: true, force: true });
const browser = await Browser.launch();
const worlds = new Map();
let failed = 0;
const begin = Date.now();
const stop = async () => {
  await browser.close().catch(() => {});
  for (const w of worlds.values()) await w.stop(values.keep);
};
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void stop().then(() => process.exit(130)));

for (const flow of wanted) {
  const from = Date.now();
  let pages;
  try {
    if (!worlds.has(flow.world)) worlds.set(flow.world, new World(koi));
    const world = worlds.get(flow.world);
    await (world.started ??= world.start(flow.world));
    pages = browser.pages(world);
    for (const pattern of flow.expect ?? []) pages.expect(pattern);
    await within(flow.limit ?? limit, flow.run({ world, pages, open: (o) => pages.open(o) }));
    pages.check();
    console.log(`${seconds(from)}  ok    ${flow.name}`);
  } catch (e) {
    failed++;
    console.log(`${seconds(from)}  FAIL  ${flow.name}\n${indent(e.stack ?? String(e))}`);
    await mkdir(failures, { recursive: true });
    const name = `${failures}${flow.file.replace(".mjs", "")}-${flow.name.replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 60)}`;
    await pages?.leave(name).catch((x) => console.log(indent(`no picture: ${x.message}`)));
    const log = await worlds.get(flow.world)?.log();
    if (log) await writeFile(`${name}.server.log`, log);
    console.log(indent(`see ${name}.*`));
  } finally {
    await pages?.close().catch(() => {});
  }
}
await stop();
console.log(`${seconds(begin)}  ${wanted.length - failed} flows passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

function seconds(from) {
  return `${((Date.now() - from) / 1000).toFixed(1).padStart(6)}s`;
}

function indent(text) {
  return text.replace(/^/gm, "        ");
}

async function within(ms, doing) {
  let timer;
  const late = new Promise((_, no) => (timer = setTimeout(() => no(new Error(`not done after ${ms / 1000} s`)), ms)));
  try {
    return await Promise.race([doing, late]);
  } finally {
    clearTimeout(timer);
  }
}
