// Patches by the npm peers: node peers.mjs PEER PACKAGES INPUT OUTPUT
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [peer, packages, input, output] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${packages}/package.json`));

const identify = (item, place) =>
  item?.function?.name ?? item?.objective_name ?? item?.guardrail_name ?? item?.id ?? JSON.stringify(item) ?? place;

const PEERS = {
  "fast-json-patch": () => require("fast-json-patch").compare,
  rfc6902: () => require("rfc6902").createPatch,
  jsondiffpatch: async () => {
    const at = (name) => import(pathToFileURL(`${packages}/node_modules/jsondiffpatch/lib/${name}`));
    const { create } = await at("index.js");
    const { default: Formatter } = await at("formatters/jsonpatch.js");
    const differ = create({ objectHash: identify, arrays: { detectMove: false } });
    return (before, after) => new Formatter().format(differ.diff(before, after));
  },
  "json-joy": () => {
    const { JsonPatchDiff } = require("json-joy/lib/json-patch-diff/JsonPatchDiff.js");
    class Standard extends JsonPatchDiff {
      // its operations on characters are no RFC 6902
      diffStr(path, before, after) {
        if (before !== after) this.patch.push({ op: "replace", path, value: after });
      }
    }
    return (before, after) => new Standard().diff("", before, after);
  },
};

const diff = await PEERS[peer]();
const results = JSON.parse(readFileSync(input, "utf8")).map(([before, after]) => {
  const started = performance.now();
  try {
    const patch = diff(before, after) ?? [];
    return { patch, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    return { error: String(error), seconds: (performance.now() - started) / 1000 };
  }
});
writeFileSync(output, JSON.stringify(results));
