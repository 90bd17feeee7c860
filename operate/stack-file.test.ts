import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { projectRoot } from "../lib/project-root.ts";
import { copyExample } from "./stack-file.ts";

async function withExample(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "stack-file-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, "Pulumi.local.yaml.example"), "config: {}\n");
  return folder;
}

test("a stack without a file gets its example", async (t) => {
  const folder = await withExample(t);
  await copyExample("local", folder);
  assert.equal(await readFile(path.join(folder, "Pulumi.local.yaml"), "utf8"), "config: {}\n");
});

test("a file that is there stays, with its salt", async (t) => {
  const folder = await withExample(t);
  const file = path.join(folder, "Pulumi.local.yaml");
  await writeFile(file, "encryptionsalt: v1:abc=\n");
  await copyExample("local", folder);
  assert.equal(await readFile(file, "utf8"), "encryptionsalt: v1:abc=\n");
});

test("a stack with a file and without an example is as it was", async (t) => {
  const folder = await withExample(t);
  await writeFile(path.join(folder, "Pulumi.phone.yaml"), "config: {}\n");
  await copyExample("phone", folder);
  assert.deepEqual((await readdir(folder)).sort(), ["Pulumi.local.yaml.example", "Pulumi.phone.yaml"]);
});

test("a name that nobody has written settings for is refused, and makes nothing", async (t) => {
  const folder = await withExample(t);
  await writeFile(path.join(folder, "Pulumi.yaml"), "name: x\n");
  await writeFile(path.join(folder, "Pulumi.lan.yaml"), "config: {}\n");
  await assert.rejects(copyExample("lam", folder), {
    message:
      "--stack lam: there is no Pulumi.lam.yaml. There are settings for lan, local; for a new stack write Pulumi.lam.yaml first",
  });
  assert.deepEqual((await readdir(folder)).sort(), ["Pulumi.lan.yaml", "Pulumi.local.yaml.example", "Pulumi.yaml"]);
});

test("git ignores the file that Pulumi changes", async () => {
  const ignored = (await readFile(path.join(projectRoot, ".gitignore"), "utf8")).split("\n");
  assert.ok(ignored.includes("Pulumi.local.yaml"));
  assert.ok((await readdir(projectRoot)).includes("Pulumi.local.yaml.example"));
});
