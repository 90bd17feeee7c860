import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { projectRoot } from "../../lib/project-root.ts";
import { checksOf, PLACEHOLDERS, prints } from "../../tests/e2e/console.ts";

const folder = path.join(projectRoot, "docs");
const pages = readdirSync(folder).filter((name) => name.endsWith(".md"));
const checks = pages.flatMap((page) => checksOf(page, readFileSync(path.join(folder, page), "utf8")));

test("a block of a page is its commands, each with what it prints", () => {
  const text =
    "# Page\n\n```console\n$ one \\\n    --more\nprinted\n    and indented\n$ two\n```\n\n```\n$ not run\n```\n";
  assert.deepEqual(checksOf("page.md", text), [
    { page: "page.md", line: 4, command: "one \\\n    --more", expected: "printed\n    and indented" },
    { page: "page.md", line: 8, command: "two", expected: "" },
  ]);
  assert.throws(
    () => checksOf("page.md", "```console\nprinted\n```"),
    /page\.md:2: a block console begins with a command/,
  );
});

for (const [expected, printed, answer] of [
  ["a b", "a b\n", true],
  ["a b", "a b c", false],
  ["a", "a\nb", false],
  ["", "", true],
  ["", "more", false],
  ["<NUMBER> tools of <ID>", "12 tools of mcp-time", true],
  ["<NUMBER> tools", "many tools", false],
  ["at <TIME>", "at 2026-11-22T01:41:31.422Z", true],
  ["at <TIME>", "at 2026-11-22 01:41 UTC", true],
  ["at <TIME>", "at noon", false],
  ["{…}", '{"a":[1]}', true],
  ["first\n…\nlast", "first\nlast", true],
  ["first\n…\nlast", "first\n1\n\n2\nlast", true],
  ["first\n…\nlast", "first\n1", false],
  ["first\n…", "first\n1\n2", true],
  ["│ a │ <SIZE> │\n└───┴────┘", "│ a    │ 9 MiB  │\n└──────┴────────┘", true],
  ["a.b", "axb", false],
] as const)
  test(`${JSON.stringify(printed)} is ${answer ? "" : "not "}${JSON.stringify(expected)}`, () =>
    assert.equal(prints(expected, printed), answer));

test("the end-to-end suite runs every page that has such blocks, and pages use placeholders that are known", () => {
  const suite = readFileSync(path.join(projectRoot, "tests/e2e/checks.e2e.ts"), "utf8");
  const [, named = ""] = /PAGES = \[(.*?)\]/.exec(suite)!;
  assert.deepEqual(
    [...new Set(checks.map(({ page }) => `docs/${page}`))].sort(),
    [...named.matchAll(/"([^"]+)"/g)].map(([, page]) => page).sort(),
  );
  assert.ok(checks.length > 40, `there are only ${checks.length} commands`);
  const used = checks.flatMap(({ expected }) => expected.match(/<[A-Z]+>/g) ?? []);
  assert.deepEqual(
    [...new Set(used)].filter((name) => !Object.hasOwn(PLACEHOLDERS, name)),
    [],
  );
});
