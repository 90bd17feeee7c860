import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { serverFiles } from "./server-files.ts";

test("the image has a server's files and what they need, and nothing that describes or tests it or was left behind", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "server-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const file of [
    ...["server.py", "run", "parts/server.yaml", "parts/dice.py", "requirements.in", "package.json", "setup.sh"],
    ...["server.yaml", "tools.lock.json", "NOTES.md", "parts/NOTES.md", "server.test.ts", "parts/dice_test.py"],
    ...["node_modules/x/index.js", "parts/node_modules/x/index.js", "__pycache__/server.pyc"],
    ...[".venv/bin/python3", ".env", ".git/HEAD", "parts/.DS_Store"],
  ]) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), "");
  }
  chmodSync(path.join(folder, "run"), 0o755);
  symlinkSync("/etc/passwd", path.join(folder, "passwd"));
  assert.deepEqual(serverFiles(folder), [
    { path: "package.json", executable: false },
    { path: "parts/dice.py", executable: false },
    { path: "parts/server.yaml", executable: false },
    { path: "requirements.in", executable: false },
    { path: "run", executable: true },
    { path: "server.py", executable: false },
    { path: "setup.sh", executable: false },
  ]);
});
