import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { TOOL_LOCK_FILE } from "../../approval/tool-lock.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { readRequest } from "../add/request.ts";
import { serverDefinition, type Source } from "../../settings/schemas/server-schema.ts";

const textOf = (...file: string[]) => readFileSync(path.join(projectRoot, ...file), "utf8");

const whatOf = (source: Exclude<Source, { package: string }>) => {
  switch (source.kind) {
    case "program":
      return source.command.join(" ");
    case "image":
      return source.image.split(":")[0]!;
    case "url":
      return source.url;
  }
};

test("the page on the catalogue has a row for each server, with what its folder says", () => {
  const rows = textOf("docs/servers.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, name, on, source, speaks, tools]) => [name!.replaceAll("`", ""), on, source, speaks, tools]);
  const folders = readdirSync(path.join(projectRoot, "mcp")).filter((name) => !name.startsWith("_"));
  const expected = folders.map((name) => {
    const { enabled, source, transport, adapter, register } = serverDefinition.parse(
      parse(textOf("mcp", name, "server.yaml")),
    );
    const what = "package" in source ? source.package : whatOf(source);
    const kind = { pypi: "PyPI", npm: "npm", program: "program", image: "image", url: "address" }[source.kind];
    const speaks = adapter === "none" ? transport.kind : (register ?? "sse");
    const tools = Object.keys(JSON.parse(textOf("mcp", name, TOOL_LOCK_FILE)) as object).length;
    return [name, enabled ? "yes" : "no", `${kind} ${what}`, speaks, String(tools)];
  });
  assert.deepEqual(
    rows.map(([name, on, source, ...others]) => [name, on, source!.split(",")[0], ...others]).sort(),
    expected.sort(),
  );
});

test("the server that the README adds as an example is one, and not in the catalogue", () => {
  const readme = textOf("README.md");
  const [, name, source] = /^npm run add -- (\w+) --pypi (\S+)/m.exec(readme)!;
  const [, text] = /```yaml\n(.*?)```/ms.exec(readme.slice(readme.indexOf("## Add an MCP server")))!;
  const definition = serverDefinition.parse(parse(text!));
  const { wanted } = readRequest(name!, { pypi: source! });
  assert.ok(wanted.kind === "pypi" && definition.source.kind === "pypi");
  assert.deepEqual([wanted.package, wanted.version], [definition.source.package, definition.source.version]);
  assert.ok(definition.check, "its example of a check");
  assert.ok(!readdirSync(path.join(projectRoot, "mcp")).includes(name!));
});
