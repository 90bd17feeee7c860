import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isHalfBack, type MoveRecord, readMove, writeMove } from "./record.ts";

let data: string;
const given = process.env.XDG_DATA_HOME;
before(async () => {
  data = await mkdtemp(path.join(tmpdir(), "moves-"));
  process.env.XDG_DATA_HOME = data;
});
after(async () => {
  if (given === undefined) delete process.env.XDG_DATA_HOME;
  else process.env.XDG_DATA_HOME = given;
  await rm(data, { recursive: true });
});

const record: MoveRecord = {
  at: "2026-11-22T12:00:00.000Z",
  from: { image: "litellm:v1.77.3", imageId: "sha256:a" },
  to: { image: "litellm:v1.106.2" },
  ...{ backup: "/backups/lan.tar", isChecked: false, rollback: null },
};

test("a record is read as it was written, by its own stack alone", async () => {
  assert.equal(await readMove("lan", "one"), undefined);
  await writeMove("lan", "one", record);
  assert.deepEqual(await readMove("lan", "one"), record);
  // Taken down and deployed again: the same name, other databases.
  for (const [stack, id] of [
    ["lan", "two"],
    ["other", "one"],
    ["lan", undefined],
  ] as const)
    assert.equal(await readMove(stack, id), undefined);
  const folder = path.join(data, "litellm-mcp/backups/lan");
  const [file = ""] = await readdir(folder);
  assert.equal((await stat(path.join(folder, file))).mode & 0o777, 0o600);
  await writeFile(path.join(folder, file), "{}");
  await assert.rejects(readMove("lan", "one"), /last-move-one\.json, the record of the last move .* cannot be read/);
});

test("a rollback is half done until it says that it is done", () => {
  const rollback = { kept: [], isReturned: true, done: null };
  assert.deepEqual(
    [record, { ...record, rollback }, { ...record, rollback: { ...rollback, done: record.at } }].map(isHalfBack),
    [false, true, false],
  );
});
