// Bundles script and style of the report into the folder that is named, with the licences of all that is in them.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";

const target = process.argv[2];
if (!target) {
  console.error("build.js: name the folder to write to.");
  process.exit(2);
}

mkdirSync(target, { recursive: true });
const common = { bundle: true, minify: true, charset: "ascii", legalComments: "none", logLevel: "warning" };
const script = buildSync({
  ...common,
  entryPoints: ["src/report.js"],
  outfile: join(target, "report.js"),
  format: "iife",
  target: "es2020",
  metafile: true,
});
buildSync({ ...common, entryPoints: ["src/report.css"], outfile: join(target, "report.css") });

// What was bundled, not what is installed: only packages that left bytes in the output are passed on.
const packages = new Set();
for (const output of Object.values(script.metafile.outputs)) {
  for (const [path, input] of Object.entries(output.inputs)) {
    const inPackage = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (inPackage && input.bytesInOutput > 0) packages.add(inPackage[1]);
  }
}

const licences = [...packages].sort().map((name) => {
  const folder = join("node_modules", name);
  const facts = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.md|\.txt)?$/i.test(entry));
  if (!file) throw new Error(`${name} has no licence file, so it must not be shipped.`);
  return `${name} ${facts.version}\n${facts.homepage ?? ""}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(target, "licences.txt"), licences.join(`\n${"=".repeat(78)}\n`));
