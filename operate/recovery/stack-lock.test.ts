import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { describeLock, isStale, locksOf, unlock } from "./stack-lock.ts";

const lock = {
  ...{ file: "/state/.pulumi/locks/organization/p/s/1.json", pid: 23678, username: "root", hostname: "vm" },
  timestamp: "2026-11-22T01:11:24.940498517Z",
};

test("a lock is stale when its process is gone, on this machine alone", async () => {
  const gone = { here: "vm", isPulumi: async () => false };
  assert.equal(await isStale(lock, gone), true);
  assert.equal(await isStale({ ...lock, hostname: "other" }, gone), false);
  assert.equal(await isStale(lock, { here: "vm", isPulumi: async () => true }), false);
});

test("a process that lives and is not Pulumi has taken over the number of one that is gone", async () => {
  assert.equal(await isStale({ ...lock, pid: process.pid }, { here: "vm" }), process.platform === "linux");
});

test("a lock names its process, its user, its machine and its time", () => {
  assert.equal(describeLock(lock), "process 23678 of root on vm, since 2026-11-22 01:11:24 UTC");
});

test("locks are found where Pulumi puts them, and unlocking leaves nothing of one", async () => {
  const backend = await mkdtemp(path.join(tmpdir(), "litellm-mcp-lock-"));
  try {
    assert.deepEqual(await locksOf(`file://${backend}`, "p", "s"), []);
    const folder = path.join(backend, ".pulumi/locks/organization/p/s");
    await mkdir(folder, { recursive: true });
    const content = { pid: 1, username: "root", hostname: "vm", timestamp: lock.timestamp };
    await writeFile(path.join(folder, "1.json"), JSON.stringify(content));
    await writeFile(path.join(folder, "1.json.attrs"), "{}");
    const found = await locksOf(`file://${backend}`, "p", "s");
    assert.deepEqual(found, [{ ...content, file: path.join(folder, "1.json") }]);
    assert.deepEqual(await locksOf(`file://${backend}`, "p", "other"), []);
    await unlock(found[0]!);
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(backend, { recursive: true });
  }
});

test("a backend that is no folder tells nobody of its locks", async () => {
  assert.deepEqual(await locksOf("https://api.pulumi.com/somebody", "p", "s"), undefined);
});
