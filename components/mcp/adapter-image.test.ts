import assert from "node:assert/strict";
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { projectRoot } from "../../lib/project-root.ts";
import { testSettings } from "../../tests/settings.ts";
import { adapterImage } from "./adapter-image.ts";

let mcpDir: string;
const git = testSettings().servers.find(({ name }) => name === "git")!;
const imageOf = (changes: Partial<typeof git> = {}) =>
  adapterImage({ ...git, folder: path.join(mcpDir, "git"), ...changes }).name as string;

before(async () => {
  mcpDir = await mkdtemp(path.join(tmpdir(), "mcp-"));
  await cp("mcp", mcpDir, { recursive: true });
});
after(() => rm(mcpDir, { recursive: true }));

for (const [file, changes] of [
  ["git/requirements.txt", true],
  ["git/setup.sh", true],
  ["git/another-file", true],
  ["git/server.yaml", false],
  ["git/NOTES.md", false],
  ["git/__pycache__/server.cpython-313.pyc", false],
  ["time/requirements.txt", false],
] as const) {
  test(`a change of ${file} is ${changes ? "another" : "the same"} image`, async () => {
    const before = imageOf();
    await mkdir(path.dirname(path.join(mcpDir, file)), { recursive: true });
    await writeFile(path.join(mcpDir, file), "changed");
    assert.equal(imageOf() !== before, changes);
  });
}

test("a renamed file is another image", async () => {
  const file = path.join(mcpDir, "git", "renamed");
  await writeFile(file, "the same");
  const before = imageOf();
  // Still at its place among the sorted files, so that only the name can make the difference.
  await rename(file, `${file}-file`);
  assert.notEqual(imageOf(), before);
});

test("an executable file stays one, and is another image than one that is none", async () => {
  const file = path.join(mcpDir, "git", "run");
  await writeFile(file, "#!/bin/sh\n", { mode: 0o644 });
  const before = imageOf();
  await chmod(file, 0o755);
  assert.notEqual(imageOf(), before);
  const { mode } = await stat(path.join(projectRoot, "dist/git/server/run"));
  assert.equal(mode & 0o777, 0o755);
});

test("other approved tools are another image, which has them; without any it has an empty tool lock", async () => {
  const before = imageOf();
  const lock = { git_log: { description: "Shows the log", inputSchema: `sha256:${"0".repeat(64)}` } };
  assert.notEqual(imageOf({ toolLock: lock }), before);
  const written = () => readFile(path.join(projectRoot, "dist/git/adapter/tools.lock.json"), "utf8");
  assert.deepEqual(JSON.parse(await written()), lock);
  imageOf({ toolLock: undefined });
  assert.deepEqual(JSON.parse(await written()), {});
});

test("what is no longer in the folder is not in the build context either", async () => {
  const file = path.join(mcpDir, "git", "gone");
  await writeFile(file, "");
  imageOf();
  await rm(file);
  imageOf();
  await assert.rejects(stat(path.join(projectRoot, "dist/git/server/gone")), /ENOENT/);
});

test("the image of a package is built from its own context and named by its hash", () => {
  const { build, triggers, ...image } = adapterImage(git);
  assert.deepEqual(build, {
    context: "./dist/git",
    dockerfile: "Dockerfile",
    buildLogFile: "./dist/git.log",
    buildArgs: { BASE: "python" },
  });
  assert.match(image.name as string, /^litellm-mcp\/git:[0-9a-f]{12}$/);
  assert.deepEqual(triggers, { hash: (image.name as string).split(":")[1] });
});

test("a program of one's own is started where its files are; packages that are built say which base they need", () => {
  const argsOf = (changes: object) =>
    (
      adapterImage({ ...git, source: { ...(git.source as object), ...changes } as typeof git.source }).build as {
        buildArgs: object;
      }
    ).buildArgs;
  assert.deepEqual(argsOf({ isOwnProgram: true }), { BASE: "python", WORKDIR: "/opt/server" });
  assert.deepEqual(argsOf({ builtPackages: ["a", "b"] }), { BASE: "python-built", BUILT: "a b" });
  assert.deepEqual(argsOf({ runtime: "npm", builtPackages: ["@s/a"], isOwnProgram: true }), {
    BASE: "npm-built",
    BUILT: "@s/a",
    WORKDIR: "/opt/server",
  });
});

test("the adapter of an image or of an address has an image of its own, without the server's files", () => {
  const { name, build } = adapterImage({ ...git, source: { kind: "remote" } });
  assert.match(name as string, /^litellm-mcp\/git-adapter:/);
  assert.deepEqual(build, {
    context: "./dist/git-adapter",
    dockerfile: "Dockerfile",
    buildLogFile: "./dist/git-adapter.log",
    buildArgs: { BASE: "plain" },
  });
});
