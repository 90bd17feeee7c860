import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExpectedServer } from "../../check/expectations.ts";
import type { AuditRecord } from "../audit/records.ts";
import type { PostgresTools } from "../backup/databases.ts";
import { findRow, judgeLines, rowOf, trialOf } from "./record.ts";

const server = (name: string, tool?: string): ExpectedServer => ({
  ...{ name, container: `mcp-${name}`, adapter: null, lock: null },
  call: tool === undefined ? null : { tool, arguments: {}, expect: null },
});
const everything = { allow: null, deny: [] };
const client = (name: string, ...servers: string[]) => ({
  ...{ name, key: `sk-${name}` },
  rules: Object.fromEntries(servers.map((one) => [one, everything])),
});

test("the call for the record is the first that a client may make", () => {
  const servers = [server("git"), server("time", "now"), server("postgres", "execute_sql")];
  const trial = trialOf({ clients: [client("none"), client("phone", "git", "postgres")], servers });
  assert.deepEqual([trial?.client.name, trial?.server, trial?.call.tool], ["phone", "postgres", "execute_sql"]);
  const denied = { ...client("reader"), rules: { time: { allow: null, deny: ["now"] } } };
  assert.equal(trialOf({ clients: [denied], servers }), undefined);
});

const trial = trialOf({ clients: [client("phone", "time")], servers: [server("time", "now")] })!;
const line: AuditRecord = {
  ...{ time: "2026-11-22T08:00:00.000Z", client: "phone", address: "10.0.0.2", server: "time", tool: "now" },
  ...{ arguments: {}, route: "/mcp/", outcome: "answered", reason: null, milliseconds: 12, count: 1, id: "abc" },
};

test("one line between two moments is that of the call; several are nobody's", () => {
  const judged = judgeLines(trial, [line]);
  assert.deepEqual(judged, { found: { said: "time-now, called by phone: line abc, answered in 12 ms" }, line });
  assert.equal(judgeLines(trial, [line, line]), "several");
});

for (const [what, lines, seen] of [
  ["no line", [], /^time-now, called by phone: the call was answered, and the record of calls has no line of it$/],
  ["no outcome", [{ ...line, outcome: "running" }], /the record says "running" of it\.$/],
  ["a failure", [{ ...line, outcome: "failed", reason: "Error: no" }], /the record says "failed" of it\. Error: no$/],
] as const)
  test(`a record with ${what} is a finding`, () => {
    const judged = judgeLines(trial, lines);
    assert.ok(judged !== "several" && "findings" in judged.found);
    assert.match(judged.found.findings[0]!.seen, seen);
  });

/** A database that answers with these ids, one answer after the other. */
const answering = (...answers: string[][]) => {
  const asked: string[] = [];
  const tools = {
    ask: (database: string, sql: string) => {
      asked.push(`${database}: ${sql}`);
      return Promise.resolve(answers[asked.length - 1] ?? []);
    },
  } as unknown as PostgresTools;
  return { tools, asked };
};

test("the row is waited for, and it is one that began during the call", async () => {
  const { tools, asked } = answering([], ["row-1"]);
  assert.deepEqual(await findRow(tools, {}, line), {
    said: "LiteLLM_SpendLogs has the same call: phone, now, row row-1",
  });
  assert.equal(asked.length, 2);
  assert.match(
    asked[0]!,
    /^litellm_db: SELECT .*'phone'.*'time\/now'.*BETWEEN '2026-11-22T08:00:00\.000Z'::timestamp AND '2026-11-22T08:00:00\.013Z'/s,
  );
});

test("names are texts within the query, whatever they are", () => {
  assert.match(rowOf({ ...line, client: "o'brien" }), /= 'o''brien'\n/);
});

test("a row that never comes is a finding, that says what is missing", async (t) => {
  // Neither waits: the clock has passed as soon as it is looked at again.
  let now = 0;
  t.mock.method(performance, "now", () => (now += 60_000));
  const found = await findRow(answering().tools, {}, line);
  assert.ok("findings" in found);
  assert.match(found.findings[0]!.seen, /^time-now, called by phone: LiteLLM_SpendLogs has no row of it 28 s later$/);
  assert.match(found.findings[0]!.means ?? "", /does not record what clients do/);
});

test("a stack that has LiteLLM write no rows has none to look for", async () => {
  const { tools, asked } = answering();
  const found = await findRow(tools, { general_settings: { disable_spend_logs: true } }, line);
  assert.ok("notHere" in found);
  assert.deepEqual(asked, []);
});
