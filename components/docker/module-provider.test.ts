import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { execa } from "execa";
import { moduleProvider } from "./module-provider.ts";

/** What `pulumi-resource-pulumi-nodejs` has: Pulumi's own packages. */
const requireFromString = createRequire(import.meta.resolve("@pulumi/pulumi")).resolve("require-from-string");

test("what Pulumi stores runs a TypeScript module of the project, in plain Node, and says nothing else", async (t) => {
  const project = await mkdtemp(path.join(tmpdir(), "provider-"));
  t.after(() => rm(project, { recursive: true }));
  await writeFile(path.join(project, "package.json"), '{"type": "module"}');
  await writeFile(
    path.join(project, "one.provider.ts"),
    "export const create = (id: string): { id: string } => ({ id });",
  );
  const provider = moduleProvider("./one.provider.ts", ["create", "update"]);
  const { text } = await pulumi.runtime.serializeFunction(() => provider);
  // As @pulumi/pulumi/cmd/dynamic-provider does it.
  const program = `const provider = require(${JSON.stringify(requireFromString)})(process.argv[1]).handler();
    console.log(Object.keys(provider).join(), provider.create("made").id)`;
  const { stdout, stderr } = await execa(process.execPath, ["-e", program, text], { cwd: project });
  assert.equal(stdout, "create,update made");
  assert.equal(stderr, "");
});
