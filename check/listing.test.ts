import assert from "node:assert/strict";
import { test } from "node:test";
import { groupByServer } from "./listing.ts";

const listing = (...names: string[]) =>
  groupByServer(names.map((name) => ({ name, description: `Does ${name}`, inputSchema: {} })));

test("tool names are split at the first dash, which no server name holds", () => {
  assert.deepEqual(
    [...listing("time-now", "everything-get-sum", "time-convert")].map(([server, tools]) => [
      server,
      tools.map(({ name }) => name),
    ]),
    [
      ["time", ["now", "convert"]],
      ["everything", ["get-sum"]],
    ],
  );
});
