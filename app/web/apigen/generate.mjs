// Writes the API's types from its OpenAPI document: node generate.mjs openapi.json [schema.d.ts]
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const [, , from, to = new URL("../shared/src/api/schema.d.ts", import.meta.url)] = process.argv;
const document = JSON.parse(await readFile(from, "utf8"));
// The client says where the API begins once; paths need not repeat it.
document.paths = Object.fromEntries(Object.entries(document.paths).map(([path, item]) => [path.replace(/^\/api\/v1/, ""), item]));
const head = "// Made from the API's OpenAPI document; see the workspace's README. Do not edit.\n";
await writeFile(to, head + astToString(await openapiTS(document, { alphabetize: true })));
