import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { wrapperBuild, wrapperHash } from "./wrapper-image.ts";
import { valueOf } from "../../tests/mocks.ts";
import { testSettings } from "../../tests/settings.ts";

let mcpDir: string;
const source = { kind: "wrapped", runtime: "python", package: "mcp-server-git", version: "2026.10.19" } as const;
const hash = () => wrapperHash({ folder: path.join(mcpDir, "git"), source });

before(async () => {
  mcpDir = await mkdtemp(path.join(tmpdir(), "mcp-"));
  await cp("mcp", mcpDir, { recursive: true });
});
after(() => rm(mcpDir, { recursive: true }));

for (const [file, changes] of [
  ["git/requirements.txt", true],
  ["git/setup.sh", true],
  ["git/another-file", true],
  ["_wrapper/Dockerfile", true],
  ["_wrapper/mcp_health.py", true],
  ["git/server.yaml", false],
  ["git/tools.lock.json", false],
  ["git/NOTES.md", false],
  ["_wrapper/mcp_health_test.py", false],
  ["_wrapper/__pycache__/mcp_health.cpython-313.pyc", false],
  ["time/requirements.txt", false],
] as const) {
  test(`a change of ${file} is ${changes ? "another" : "the same"} image`, async () => {
    const before = hash();
    await mkdir(path.dirname(path.join(mcpDir, file)), { recursive: true });
    await writeFile(path.join(mcpDir, file), "changed");
    assert.equal(hash() !== before, changes);
  });
}

test("a renamed file is another image", async () => {
  const file = path.join(mcpDir, "git", "renamed");
  await writeFile(file, "the same");
  const before = hash();
  // Still at its place among the sorted files, so that only the name can make the difference.
  await rename(file, `${file}-file`);
  assert.notEqual(hash(), before);
});

test("another version is another image", () => {
  assert.notEqual(wrapperHash({ folder: path.join(mcpDir, "git"), source: { ...source, version: "1" } }), hash());
});

test("an image is built from mcp/ and named by its hash", async () => {
  const git = testSettings().servers.find(({ name }) => name === "git")!;
  const { build, triggers, ...image } = wrapperBuild(git);
  const name = await valueOf(image.name);
  assert.deepEqual(build, {
    context: "./mcp",
    dockerfile: "_wrapper/Dockerfile",
    buildArgs: { SERVER: "git", RUNTIME: "python" },
  });
  assert.match(name, /^litellm-mcp\/git:[0-9a-f]{12}$/);
  assert.deepEqual(triggers, { hash: name.split(":")[1] });
});
