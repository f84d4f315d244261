// Writes shared/src/api/schema.d.ts from an OpenAPI document: node generate.mjs openapi.json
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const document = JSON.parse(await readFile(process.argv[2], "utf8"));
// The client says where the API begins once; paths need not repeat it.
document.paths = Object.fromEntries(Object.entries(document.paths).map(([path, item]) => [path.replace(/^\/api\/v1/, ""), item]));
const head = "// Made from the API's OpenAPI document; see the workspace's README. Do not edit.\n";
await writeFile(new URL("../shared/src/api/schema.d.ts", import.meta.url), head + astToString(await openapiTS(document, { alphabetize: true })));
