import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { TOOL_LOCK_FILE } from "../../approval/tool-lock.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { serverDefinition } from "../../settings/schemas/server-schema.ts";

const textOf = (...file: string[]) => readFileSync(path.join(projectRoot, ...file), "utf8");

test("the page on the catalogue has a row for each server, with what its folder says", () => {
  const rows = textOf("docs/servers.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, name, on, source, speaks, tools]) => [name!.replaceAll("`", ""), on, source, speaks, tools]);
  const folders = readdirSync(path.join(projectRoot, "mcp")).filter((name) => !name.startsWith("_"));
  const expected = folders.map((name) => {
    const { enabled, source, transport, register } = serverDefinition.parse(parse(textOf("mcp", name, "server.yaml")));
    const what = source.kind === "image" ? source.image.split(":")[0]! : source.package;
    const kind = { pypi: "PyPI", npm: "npm", image: "image" }[source.kind];
    const speaks = transport.kind === "stdio" ? (register ?? "sse") : transport.kind;
    const tools = Object.keys(JSON.parse(textOf("mcp", name, TOOL_LOCK_FILE)) as object).length;
    return [name, enabled ? "yes" : "no", `${kind} ${what}`, speaks, String(tools)];
  });
  assert.deepEqual(
    rows.map(([name, on, source, ...others]) => [name, on, source!.split(",")[0], ...others]).sort(),
    expected.sort(),
  );
});

test("the server that the README adds as an example is one, and not in the catalogue", () => {
  const [, folder, text] = /^1\. Write `mcp\/(\w+)\/server\.yaml`.*?```yaml\n(.*?)```/ms.exec(textOf("README.md"))!;
  const definition = serverDefinition.parse(parse(text!));
  assert.ok(definition.check, "its example of a check");
  assert.ok(!readdirSync(path.join(projectRoot, "mcp")).includes(folder!));
});
