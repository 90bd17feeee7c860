import assert from "node:assert/strict";
import { test } from "node:test";
import pc from "picocolors";
import type { AuditRecord } from "./records.ts";
import { csvHead, showCsv, showJson, showTable, verdict } from "./show.ts";

const record: AuditRecord = {
  ...{ time: "2026-11-22T11:30:05.123Z", client: "phone", address: "192.168.1.20", server: "time", tool: "now" },
  ...{ arguments: { timezone: "UTC" }, route: "/mcp/", outcome: "answered", reason: null, milliseconds: 58 },
  ...{ count: 1, id: "34e20add" },
};
/** Whatever steers a terminal, or shows another text than there is. */
const STEERING = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const EVIL = "\u001b[2K\u001b]0;x\u0007\r\n\u009b31m\u202eab\u2028\u200b\u007f\t\u{E0041}";
const evil: AuditRecord = {
  ...{ ...record, tool: EVIL, reason: EVIL, outcome: "refused", milliseconds: null },
  arguments: { [EVIL]: EVIL },
  result: [{ text: EVIL }],
};

/** A table without the colours of outcomes, which a terminal and CI have; whatever else is in it stays. */
const tableOf = (records: readonly AuditRecord[]) =>
  showTable(records).replaceAll(pc.red("refused"), "refused").replaceAll(pc.red("failed"), "failed");

test("a table has what people look for", () => {
  const text = showTable([record, { ...record, outcome: "failed", reason: "Error: no such zone" }]);
  for (const part of ["2026-11-22 11:30:05", "phone", "time", "now", '{"timezone":"UTC"}', "58", "Error: no such zone"])
    assert.ok(text.includes(part), `${part} is not in\n${text}`);
  assert.ok(!text.includes("192.168.1.20"), text);
});

test("a request without a client is shown by its address, with how many they were", () => {
  const counted = { ...record, client: null, server: null, tool: null, arguments: null, milliseconds: null };
  const text = tableOf([{ ...counted, outcome: "refused", reason: "unknown key", count: 312 }]);
  assert.match(text, /│ 192\.168\.1\.20 +│ – +│ – +│ +│ – +│ refused │ 312 × unknown key +│/);
});

test("long texts are shown by their beginning, and so is what the ingress has cut", () => {
  const text = showTable([
    { ...record, arguments: { text: "x".repeat(500) } },
    { ...record, arguments: { cut: '{"sql":"SELECT', bytes: 9_000, sha256: "ab" } },
  ]);
  assert.ok(
    text.split("\n").every((line) => line.length < 160),
    text,
  );
  assert.match(text, /\{"sql":"SELECT… /);
});

test("nothing of a client or server steers the terminal, in no form", () => {
  for (const [form, text] of [
    ["table", tableOf([evil])],
    ["JSON", showJson(evil)],
    ["CSV", showCsv(evil)],
  ] as const)
    assert.doesNotMatch(text, STEERING, form);
  assert.equal(showTable([evil]).split("\n").length, showTable([record]).split("\n").length);
});

test("a line of JSON is one line, and the whole record as it is", () => {
  for (const each of [record, evil]) {
    assert.ok(!showJson(each).includes("\n"));
    assert.deepEqual(JSON.parse(showJson(each)), each);
  }
});

test("a line of CSV has a cell for each name, and no cell is a formula", () => {
  assert.equal(
    csvHead(),
    "time,client,address,server,tool,arguments,route,outcome,reason,milliseconds,count,id,result",
  );
  assert.equal(
    showCsv({ ...record, reason: 'say "no", please' }),
    '2026-11-22T11:30:05.123Z,phone,192.168.1.20,time,now,"{""timezone"":""UTC""}",/mcp/,answered,"say ""no"", please",58,1,34e20add,',
  );
  for (const formula of ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1"])
    assert.ok(showCsv({ ...record, tool: formula }).includes(`,'${formula},`), showCsv({ ...record, tool: formula }));
  assert.ok(!showCsv(evil).includes("\n"));
});

test("below a table is what came of how many calls, and how to see more", () => {
  assert.equal(verdict([], 50), "No call in the record is as asked for.");
  assert.match(verdict([record, record, evil], 50), /^2 answered, 1 refused\. --json/);
  assert.match(verdict([record, record], 2), /^2 answered\. There may be more before these: --limit is 2\. /);
});
