import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesBetween } from "./differences.ts";

const page = `
## MCP

| | 1.77.3 | 1.77.7 | 1.106.2 |
|---|---|---|---|
| a tool's error | ordinary text | the same | \`isError: true\` |
| bare names | works | refused | works |

| asked for | LiteLLM 1.77.3 | LiteLLM 1.77.7 | LiteLLM 1.106.2 | port 4000, on each |
|---|---|---|---|---|
| /nosuch | 404 | 500 | 404 | 404 |

## Conformance

| | 1.77.3 | 1.106.2 |
|---|---|---|
| ping | passes | – |

## Permissions

| LiteLLM's own | 1.77.3 and 1.77.7 | 1.78.0 and later (seen: 1.106.2) |
|---|---|---|
| refusal | 400 | 422 |

| request | answer |
|---|---|
| 1.77.3 | 403 |
`;

test("what differs is what the page's tables say otherwise of two versions", () => {
  assert.deepEqual(differencesBetween("1.77.3", "1.106.2", page), {
    before: "1.77.3",
    after: "1.106.2",
    found: [
      { what: "a tool's error", before: "ordinary text", after: "`isError: true`" },
      { what: "refusal", before: "400", after: "422" },
    ],
  });
  assert.deepEqual(
    differencesBetween("1.77.3", "1.77.7", page)?.found.map(({ what }) => what),
    ["bare names", "/nosuch"],
  );
});

test("a version without a column is taken for the nearest older one; before all of them nothing is known", () => {
  const { before, after } = differencesBetween("1.77.5", "1.109.1", page) ?? {};
  assert.deepEqual([before, after], ["1.77.3", "1.106.2"]);
  assert.equal(differencesBetween("1.76.0", "1.106.2", page), undefined);
});

test("the page itself has tables that are found", () => {
  const { found = [] } = differencesBetween("1.77.3", "1.106.2") ?? {};
  assert.ok(found.some(({ what, after }) => what === "a tool's error" && after === "`isError: true`"));
  assert.ok(found.some(({ what }) => what.startsWith("allowed tools")));
  for (const { what, before, after } of found) assert.ok(what && before && after, what);
});
