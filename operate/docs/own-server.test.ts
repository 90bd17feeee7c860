import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../lib/project-root.ts";
import { loadSettings } from "../../settings/load.ts";
import { madeForLine, readRequirements } from "../../settings/package-lock.ts";
import { isBuilt, serverDefinition } from "../../settings/schemas/server-schema.ts";

const page = readFileSync(path.join(projectRoot, "docs/own-server.md"), "utf8");

test("the example of a program of one's own is a server, once it has a lock", (t) => {
  const mcpDir = path.join(mkdtempSync(path.join(tmpdir(), "own-server-")), "mcp");
  t.after(() => rmSync(path.dirname(mcpDir), { recursive: true }));
  const files = [...page.matchAll(/^`mcp\/(dice\/[\w.]+)`[^`]*?:\n\n```\w*\n(.*?)^```/gms)];
  assert.deepEqual(
    files.map(([, name]) => name),
    ["dice/server.yaml", "dice/server.py", "dice/requirements.in"],
  );
  mkdirSync(path.join(mcpDir, "dice"), { recursive: true });
  for (const [, name = "", text = ""] of files) writeFileSync(path.join(mcpDir, name), text);

  const load = () =>
    loadSettings({
      stackFile: "Pulumi.test.yaml",
      config: { docker: { host: "unix:///var/run/docker.sock" }, lan: { address: "127.0.0.1" } },
      secretNames: [],
      mcpDir,
    });
  assert.throws(
    load,
    /mcp\/dice\/requirements\.txt: \(file\)\n {4}found: nothing\n {4}write: run `npm run lock -- dice`/,
  );

  const { source } = serverDefinition.parse(parse(readFileSync(path.join(mcpDir, "dice/server.yaml"), "utf8")));
  assert.ok(isBuilt(source));
  const { wanted } = readRequirements(path.join(mcpDir, "dice"), source);
  assert.deepEqual(wanted, ["mcp>=2,<3"]);
  writeFileSync(path.join(mcpDir, "dice/requirements.txt"), `${madeForLine({ wanted })}mcp==2.3.0 --hash=sha256:00\n`);
  const [server] = load().servers;
  assert.deepEqual([server?.command, server?.url], [["python3", "server.py"], "http://mcp-dice:8000/sse"]);
});

test("the example of packages that are compiled is a source", () => {
  const [, text] = /```yaml\n(source:\n.*?)```/s.exec(page)!;
  const { source } = serverDefinition.parse({
    description: "Plants",
    transport: { kind: "stdio" },
    ...(parse(text!) as object),
  });
  assert.deepEqual("installScripts" in source && source.installScripts, ["better-sqlite3"]);
});
