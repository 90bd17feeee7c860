import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { projectRoot } from "../../lib/project-root.ts";

const PAGE = "docs/litellm-versions.md";
const textOf = (file: string) => readFileSync(path.join(projectRoot, file), "utf8");

/** Scenarios that pass, by server and way; the end-to-end test compares them with what it sees. */
const results = JSON.parse(textOf("tests/matrix/conformance.json")) as Readonly<
  Record<string, Readonly<Record<string, readonly string[]>>>
>;
/** The cells of all tables of the page. */
const rows = textOf(PAGE)
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split("|").slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()));

test("the page on versions says how many scenarios of the conformance suite pass, on each way", () => {
  const [servers, ...all] = [Object.keys(results), ...Object.values(results)];
  assert.ok(
    rows.some((cells) => cells.slice(1).join() === servers.join()),
    "the servers in their order",
  );
  for (const way of Object.keys(all[0]!)) {
    const counts = all.map((ways) => String(ways[way]!.length));
    assert.deepEqual(
      rows.find(([first]) => first === way),
      [way, ...counts],
    );
  }
});

test("the page on versions says of each scenario where it passes", () => {
  const ways = results["a server with all that is asked for"]!;
  const versions = Object.keys(ways).flatMap((way) => /^gateway, (.*)$/.exec(way)?.[1] ?? []);
  const where = (scenario: string, version: string) => {
    if (ways[`gateway, ${version}`]!.includes(scenario)) return "passes";
    return ways[`LiteLLM alone, ${version}`]!.includes(scenario) ? "LiteLLM alone" : "–";
  };
  const byItself = ways["by itself"]!;
  const said = rows.flatMap(([names = "", ...cells]) =>
    [...names.matchAll(/`([^`]+)`/g)]
      .filter(([, scenario]) => byItself.includes(scenario!))
      .map(([, scenario]) => [scenario!, ...cells.slice(0, versions.length)]),
  );
  assert.deepEqual(
    said.sort(([one], [other]) => (one! < other! ? -1 : 1)),
    byItself.map((scenario) => [scenario, ...versions.map((version) => where(scenario, version))]),
  );
});
