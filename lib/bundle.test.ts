import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bundle } from "./bundle.ts";
import { projectRoot } from "./project-root.ts";

test("what was bundled is kept until one of its files is another", (t) => {
  // In the project, where the packages are.
  const folder = mkdtempSync(path.join(projectRoot, "node_modules", ".bundle-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [entry, part, kept] = ["entry.ts", "part.ts", "kept"].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(entry, 'import { said } from "./part.ts";\nconsole.log(said);\n');
  writeFileSync(part, 'export const said = "first";\n');
  const bundled = (alias = {}) => bundle(path.relative(projectRoot, entry), alias, kept);

  const first = bundled();
  assert.match(first, /first/);
  const [name = "", ...others] = readdirSync(kept);
  assert.deepEqual(others, [], "nothing half-written is left");
  // Seen by what nobody would bundle.
  const file = path.join(kept, name);
  writeFileSync(file, readFileSync(file, "utf8").replace("first", "as it was kept"));
  assert.match(bundled(), /as it was kept/);

  writeFileSync(part, 'export const said = "second";\n');
  assert.match(bundled(), /second/);
  writeFileSync(path.join(folder, "other.ts"), 'export const said = "third";\n');
  assert.match(bundled({ unused: path.join(folder, "other.ts") }), /second/);
  writeFileSync(entry, 'import { said } from "./other.ts";\nconsole.log(said);\n');
  assert.match(bundled(), /third/);

  writeFileSync(file, readFileSync(file, "utf8").slice(0, 100));
  assert.match(bundled(), /third/);
  // As if it were written while it is bundled: what was kept is not trusted, and nothing new is kept.
  writeFileSync(path.join(folder, "other.ts"), 'export const said = "fourth";\n');
  const later = new Date(Date.now() + 60_000);
  utimesSync(path.join(folder, "other.ts"), later, later);
  assert.match(bundled(), /fourth/);
  assert.match(readFileSync(file, "utf8"), /third/);
  rmSync(path.join(folder, "other.ts"));
  assert.throws(() => bundled(), /other\.ts/);
});
