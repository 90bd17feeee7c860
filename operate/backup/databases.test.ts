import assert from "node:assert/strict";
import { test } from "node:test";
import { execa } from "execa";
import { COUNT_ROWS, parseRows } from "./databases.ts";

test("rows are counted as pg_dump writes them, whatever is in them", async () => {
  const script = [
    "SET row_security = off;",
    'COPY public."Keys" (token, alias) FROM stdin;',
    "one\tphone",
    "COPY public.other (id) FROM stdin;",
    "\\\\.",
    "a line\\nand another\t\\N",
    "\\.",
    "COPY public.empty (id) FROM stdin;",
    "\\.",
    "COPY public.without_columns  FROM stdin;",
    "",
    "",
    "\\.",
    'COPY "of two words"."and (brackets" (id) FROM stdin;',
    "1",
    "\\.",
    "SELECT pg_catalog.setval('public.keys_seq', 4, true);",
  ];
  const { stdout } = await execa("sh", ["-c", COUNT_ROWS], { input: `${script.join("\n")}\n` });
  assert.deepEqual(Object.values(parseRows(stdout)), [4, 0, 2, 1]);
  assert.deepEqual(Object.keys(parseRows(stdout)).slice(0, 3), [
    'public."Keys"',
    "public.empty",
    "public.without_columns",
  ]);
});
