import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { projectRoot } from "../../lib/project-root.ts";
import { SDKS_FILE, sdksPage } from "./sdks.ts";

const textOf = (file: string) => readFileSync(path.join(projectRoot, file), "utf8");

test("the committed page is that of the programs", () => {
  assert.equal(textOf(SDKS_FILE), sdksPage(), "run npm run docs");
});

test("every program of examples/ is shown whole, and run by the end-to-end suite", () => {
  const programs = readdirSync(path.join(projectRoot, "examples"), { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.(go|mjs|py|rs|ts)$/.test(file) && !/node_modules|target/.test(file),
  );
  assert.ok(programs.length >= 10, programs.join(", "));
  const page = sdksPage();
  const suite = textOf("tests/e2e/sdks.e2e.ts") + textOf("tests/e2e/sdk-programs.ts");
  for (const program of programs) {
    assert.ok(page.includes(textOf(`examples/${program}`)), program);
    assert.ok(suite.includes(path.basename(program)), program);
  }
});

test("the versions that the page names are those of the package locks", () => {
  const page = sdksPage();
  const { packages } = JSON.parse(textOf("package-lock.json")) as { packages: Record<string, { version: string }> };
  const python = textOf("examples/requirements.txt") + textOf("examples/requirements-langchain.txt");
  const pinned = (name: string) => new RegExp(`^${name}==(\\S+)`, "m").exec(python)![1]!;
  for (const [row, ...versions] of [
    ["OpenAI's SDK", pinned("openai"), packages["node_modules/openai"]!.version],
    ["Anthropic's SDK", pinned("anthropic"), packages["node_modules/@anthropic-ai/sdk"]!.version],
    ["OpenAI's Agents SDK", pinned("openai-agents")],
    ["the SDKs of MCP", pinned("mcp"), packages["node_modules/@modelcontextprotocol/sdk"]!.version],
    ["FastMCP", pinned("fastmcp")],
    ["LangChain's adapters", pinned("langchain-mcp-adapters")],
  ] as const) {
    const line = page.split("\n").find((one) => one.startsWith(`| [${row}]`))!;
    for (const version of versions) assert.ok(line.includes(version), `${row}: ${version}`);
  }
});
