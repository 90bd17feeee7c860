import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { removeHalfWritten, stateFolder } from "./half-written.ts";

test("of what is beside the files of a state only the empty ones are removed", async () => {
  const backend = await mkdtemp(path.join(tmpdir(), "litellm-mcp-state-"));
  try {
    await removeHalfWritten(`file://${backend}`);
    const folder = path.join(backend, ".pulumi/stacks/p");
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, "s.json"), "{}");
    await writeFile(path.join(folder, "s.json.attrs"), "");
    await writeFile(path.join(folder, "s.json.bak"), "");
    await writeFile(path.join(folder, "s.json.bak.attrs"), '{"md5":""}');
    await removeHalfWritten(`file://${backend}`);
    assert.deepEqual((await readdir(folder)).sort(), ["s.json", "s.json.bak", "s.json.bak.attrs"]);
  } finally {
    await rm(backend, { recursive: true });
  }
});

test("a state in files is found below the home directory as well, whatever else its address says", () => {
  assert.equal(stateFolder("file:///srv/state?metadata=skip"), "/srv/state/.pulumi");
  assert.equal(stateFolder("file://~"), path.join(homedir(), ".pulumi"));
  assert.equal(stateFolder("s3://bucket"), undefined);
});
