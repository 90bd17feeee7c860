import assert from "node:assert/strict";
import { test } from "node:test";
import { execa } from "execa";
import { COUNT_ROWS, parseRows, withoutMissing } from "./databases.ts";

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

test("extensions that a Postgres does not have, and rights on what they bring, are left out of what is restored into it, and rights to come are not", () => {
  const lines = [
    ";     Format: CUSTOM",
    "6; 2615 16391 SCHEMA - mcp_readonly postgres",
    "2; 3079 16392 EXTENSION - hypopg ",
    "3; 3079 16420 EXTENSION - pg_stat_statements ",
    "3460; 0 0 COMMENT - EXTENSION hypopg ",
    "220; 1259 16500 TABLE public EXTENSION postgres",
    "3500; 0 0 ACL - SCHEMA mcp_readonly postgres",
    "3501; 0 0 ACL public TABLE EXTENSION postgres",
    "3502; 0 0 ACL mcp_readonly TABLE hypopg_list_indexes postgres",
    "3503; 0 0 ACL mcp_readonly FUNCTION hypopg(OUT indexname text, OUT indexrelid oid) postgres",
    "2150; 826 16510 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres",
  ];
  assert.deepEqual(withoutMissing(lines, ["plpgsql", "pg_stat_statements"]), {
    missing: ["hypopg"],
    lines: [lines[0], lines[1], lines[3], lines[5], lines[6], lines[7], lines[10]],
  });
  assert.equal(withoutMissing(lines, ["hypopg", "pg_stat_statements"]), undefined);
});

test("views of figures of spend are not those of a backup, whose login there may not be", () => {
  const kept = [
    "6; 2615 2200 SCHEMA - public litellm_user",
    "257; 1259 17430 TABLE public litellm_mcp_spend litellm_user",
    "3869; 0 0 ACL public TABLE litellm_mcp_spend_of_mine litellm_user",
  ];
  const views = [
    "7; 2615 17432 SCHEMA - litellm_mcp_spend postgres",
    "3870; 0 0 COMMENT - SCHEMA litellm_mcp_spend postgres",
    "3871; 0 0 ACL - SCHEMA litellm_mcp_spend postgres",
    "259; 1255 17438 FUNCTION litellm_mcp_spend budgets() litellm_user",
    "3872; 0 0 ACL litellm_mcp_spend FUNCTION budgets() litellm_user",
    "258; 1259 17439 VIEW litellm_mcp_spend budgets postgres",
    "3874; 0 0 ACL litellm_mcp_spend TABLE budgets postgres",
  ];
  assert.deepEqual(withoutMissing([...kept, ...views], []), { missing: [], lines: kept });
  assert.equal(withoutMissing(kept, []), undefined);
});
