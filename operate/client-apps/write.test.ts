import assert from "node:assert/strict";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { writeAll } from "./write.ts";

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "litellm-mcp-write-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const content = { format: "json", entries: [{ path: ["a"], value: 1 }] } as const;
const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

test("new files are 0600 in new directories that are 0700", async (t) => {
  const file = path.join(await temporary(t), "one/two/file.json");
  assert.deepEqual(await writeAll([{ file, content }]), [{ file, outcome: "new", replaced: [], backup: undefined }]);
  assert.equal(await readFile(file, "utf8"), '{\n  "a": 1\n}\n');
  assert.equal(await modeOf(file), 0o600);
  assert.equal(await modeOf(path.dirname(file)), 0o700);
  assert.equal(await modeOf(path.dirname(path.dirname(file))), 0o700);
});

test("a file that changes is copied first; both are 0600, the directory stays as it is", async (t) => {
  const folder = await temporary(t);
  await chmod(folder, 0o755);
  const file = path.join(folder, "file.json");
  await writeFile(file, '{"a": 0, "b": 2}', { mode: 0o644 });
  const [written] = await writeAll([{ file, content }]);
  assert.equal(written!.outcome, "changed");
  assert.deepEqual(written!.replaced, ["a"]);
  assert.match(written!.backup!, /file\.json\.bak-\d{4}-\d\d-\d\dT[\d-]+Z$/);
  assert.equal(await readFile(written!.backup!, "utf8"), '{"a": 0, "b": 2}');
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), { a: 1, b: 2 });
  assert.deepEqual([await modeOf(file), await modeOf(written!.backup!), await modeOf(folder)], [0o600, 0o600, 0o755]);
  assert.equal((await readdir(folder)).length, 2);
});

test("a second run writes nothing; a mode that was opened is closed again", async (t) => {
  const file = path.join(await temporary(t), "file.json");
  await writeAll([{ file, content }]);
  const { mtimeMs } = await stat(file);
  await chmod(file, 0o644);
  assert.deepEqual(await writeAll([{ file, content }]), [
    { file, outcome: "as it was", replaced: [], backup: undefined },
  ]);
  assert.equal((await stat(file)).mtimeMs, mtimeMs);
  assert.equal(await modeOf(file), 0o600);
  assert.deepEqual(await readdir(path.dirname(file)), ["file.json"]);
});

test("one file that cannot be merged, and none is written", async (t) => {
  const folder = await temporary(t);
  const [good, bad] = [path.join(folder, "good.json"), path.join(folder, "bad.json")];
  await writeFile(bad, "{");
  await assert.rejects(
    writeAll([
      { file: good, content },
      { file: bad, content },
    ]),
    {
      message: `${bad}: not JSON: CloseBraceExpected in line 1. Nothing was changed: fix the file or move it away, then run this again`,
    },
  );
  assert.deepEqual(await readdir(folder), ["bad.json"]);
  assert.equal(await readFile(bad, "utf8"), "{");
});

test("a link stays a link: what it points to is written", async (t) => {
  const folder = await temporary(t);
  await mkdir(path.join(folder, "dotfiles"));
  const target = path.join(folder, "dotfiles/settings.json");
  await writeFile(target, '{"b": 2}');
  const file = path.join(folder, "settings.json");
  await symlink(target, file);
  await writeAll([{ file, content }]);
  assert.ok((await lstat(file)).isSymbolicLink());
  assert.deepEqual(JSON.parse(await readFile(target, "utf8")), { a: 1, b: 2 });
});
