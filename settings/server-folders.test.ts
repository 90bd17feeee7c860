import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { readServerFolders } from "./server-folders.ts";

const SERVER =
  "description: x\nsource: { pypi: x, version: 1.0.0, command: [x] }\ntransport: { kind: stdio }\nregister: bad\n";

test("a folder is read as far as it can be, and says what could not be read", (t) => {
  const mcpDir = path.join(mkdtempSync(path.join(tmpdir(), "folders-")), "mcp");
  t.after(() => rmSync(path.dirname(mcpDir), { recursive: true }));
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(mcpDir, name)), { recursive: true });
    writeFileSync(path.join(mcpDir, name), text);
  };
  write("good/server.yaml", SERVER.replace("bad", "sse"));
  write("good/requirements.txt", "x==0.9\n");
  write("good/tools.lock.json", "{");
  write("bad/server.yaml", SERVER);
  write("bad/tools.lock.json", "{}");
  write("_notes/README.md", "");
  write(".git/HEAD", "");

  const [bad, good, ...more] = readServerFolders(mcpDir);
  assert.deepEqual(more, []);
  assert.equal(bad?.definition, undefined);
  assert.deepEqual(bad?.toolLock, {});
  assert.deepEqual(bad?.unreadable, [
    { file: "mcp/bad/server.yaml", path: "register", found: '"bad"', write: "sse or http" },
  ]);
  assert.equal(good?.definition?.register, "sse");
  assert.equal(good?.toolLock, undefined);
  assert.deepEqual(good?.packageLock, {
    file: "requirements.txt",
    state: "read",
    packages: [{ name: "x", version: "0.9", hasInstallScript: false }],
    madeFor: undefined,
  });
  assert.deepEqual(
    good?.unreadable.map(({ file, write }) => [file, write]),
    [["mcp/good/tools.lock.json", "the JSON that `npm run tools -- approve good` writes"]],
  );
});
