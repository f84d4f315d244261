// Writes a .gz beside every text file of the built apps, so that the server need not: node compress.mjs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("./dist", import.meta.url).pathname;
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(js|css|svg|html|json)$/.test(name)) continue;
  const text = readFileSync(join(dist, name));
  if (text.length > 1024) writeFileSync(join(dist, name + ".gz"), gzipSync(text, { level: 9 }));
}
