import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { judgeBackup, readBackup, readBackupFigures } from "./backup.ts";

const folder = mkdtempSync(path.join(tmpdir(), "check-backup-"));
after(() => rmSync(folder, { recursive: true }));
const now = Date.parse("2026-11-22T10:00:00Z");
const judged = () => judgeBackup(readBackup(folder, now));

function says(text: string, minutesAgo: number): void {
  writeFileSync(path.join(folder, "problems"), text);
  utimesSync(path.join(folder, "problems"), now / 1_000, now / 1_000 - minutesAgo * 60);
}

test("before the first backup nothing is wrong", () => {
  assert.equal(judged(), undefined);
});

test("what it says is wrong is wrong, and nothing else", () => {
  says("\n", 0);
  assert.equal(judged(), undefined);
  says("the backup of 2026-11-22 03:30 UTC failed: no space\nbackup a.tar is damaged\n", 1);
  assert.equal(judged(), "the backup of 2026-11-22 03:30 UTC failed: no space\nbackup a.tar is damaged");
});

test("one whose word cannot be read is wrong, and the program goes on", () => {
  mkdirSync(path.join(folder, "broken/problems"), { recursive: true });
  assert.match(judgeBackup(readBackup(path.join(folder, "broken"), now))!, /^what it says cannot be read: EISDIR/);
});

test("one that says nothing any more is wrong", () => {
  says("\n", 61);
  assert.equal(judged(), "the container that makes a backup each day has not said for 61 minutes how they are");
});

test("figures of the good ones are read; what is none of them is an error", () => {
  const given = (text: string) => {
    writeFileSync(path.join(folder, "figures"), text);
    return readBackupFigures(folder);
  };
  assert.equal(readBackupFigures(folder), undefined);
  const newest = { made: "2026-11-22T03:30:00Z", bytes: 123_456 };
  assert.deepEqual(given(JSON.stringify({ newest: { name: "a.tar", ...newest }, kept: 3 })), { newest, kept: 3 });
  assert.deepEqual(given('{"newest":null,"kept":0}\n'), { newest: undefined, kept: 0 });
  for (const broken of ["", "{", '{"newest":{"made":"yesterday","bytes":1},"kept":1}'])
    assert.throws(() => given(broken), Error, broken);
});
