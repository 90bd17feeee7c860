import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { execa } from "execa";
import { Audit } from "../../ingress/audit.ts";
import type { Sensitive } from "../../lib/sensitive.ts";
import { type AuditFiles, READ } from "./files.ts";
import { linesIn } from "./lines.ts";
import { type AuditRecord, lastOf, type Reading, recordsOf } from "./records.ts";
import type { Selection } from "./selection.ts";

const FILE = "calls-2026-11-22T10-00-00-000Z-ab12.jsonl";
const REFUSED = "refused-2026-11-22T10-00-00-000Z-ab12.jsonl";
const NOW = "2026-11-22T12:00:00.000Z";

/** Files of these lines, of an ingress that was started at ten. */
const filesOf = (lines: Readonly<Record<string, readonly (object | string)[]>>): AuditFiles => ({
  names: Object.keys(lines),
  runningSince: "2026-11-22T10:00:00.000Z",
  async *read(names) {
    for (const name of names)
      for (const line of lines[name]!) yield typeof line === "string" ? line : JSON.stringify(line);
  },
});

const at = (time: string) => `2026-11-22T${time}:00.000Z`;
const call = (id: string, time: string, more: object = {}) => ({
  ...{ audit: "call", id, time: at(time), client: "phone", address: "192.168.1.20", server: "time", tool: "now" },
  ...{ arguments: { n: id }, route: "/mcp/", ...more },
});
const outcome = (id: string, time: string, came: string, more: object = {}) => ({
  ...{ audit: "outcome", id, time: at(time), client: "phone", server: "time", tool: "now", outcome: came },
  ...{ milliseconds: 12, ...more },
});
const refused = (id: string, time: string, more: object = {}) => ({
  ...{ ...call(id, time), audit: "refused", reason: "this key may not use server git", ...more },
});

const all = (reading: Reading) => lastOf(recordsOf(reading), Infinity);

async function read(
  lines: Readonly<Record<string, readonly (object | string)[]>>,
  selection: Selection = {},
  masked: readonly Sensitive[] = [],
): Promise<{ records: AuditRecord[]; unreadable: number }> {
  const reading: Reading = { files: filesOf(lines), selection, masked, unreadable: 0 };
  return { records: await all(reading), unreadable: reading.unreadable };
}

const ids = (records: readonly AuditRecord[]) => records.map(({ id, outcome: came }) => [id, came]);

test("a call and what came of it are one, in the order of the calls, with refused ones between them", async () => {
  const { records } = await read({
    [FILE]: [
      ...[
        call("1", "10:01"),
        call("2", "10:02"),
        call("3", "10:04"),
        outcome("3", "10:05", "lost", { reason: "gone" }),
      ],
      ...[outcome("2", "10:06", "failed", { reason: "Error: no" }), outcome("1", "10:07", "answered", { result: [1] })],
    ],
    [REFUSED]: [refused("r", "10:03")],
  });
  assert.deepEqual(ids(records), [
    ["1", "answered"],
    ["2", "failed"],
    ["r", "refused"],
    ["3", "lost"],
  ]);
  assert.deepEqual(records[0], {
    ...{ time: at("10:01"), client: "phone", address: "192.168.1.20", server: "time", tool: "now" },
    ...{ arguments: { n: "1" }, route: "/mcp/", outcome: "answered", reason: null, milliseconds: 12, result: [1] },
    ...{ count: 1, id: "1" },
  });
  assert.deepEqual(
    records.map(({ reason }) => reason),
    [null, "Error: no", "this key may not use server git", "gone"],
  );
});

test("a call without a second line is running, unless the ingress that made it has ended, or nobody would wait so long", async () => {
  const { records } = await read({
    [FILE]: [
      ...[
        call("before", "09:59"),
        call("long", "10:00"),
        call("ended", "10:30"),
        outcome("ended", "10:30", "answered"),
      ],
      ...[call("now", "11:30"), outcome("ended", "11:31", "answered")],
    ],
  });
  assert.deepEqual(ids(records), [
    ["before", "unknown"],
    ["long", "unknown"],
    ["ended", "answered"],
    ["now", "running"],
  ]);
});

test("what was only counted is there with its number", async () => {
  const counted = { audit: "refusals", since: at("10:00"), time: at("10:01"), reason: "unknown key", count: 312 };
  const lines = {
    [REFUSED]: [
      { ...counted, address: "192.168.1.77" },
      { ...counted, client: "phone", reason: "tool call", count: 9 },
    ],
  };
  const { records } = await read(lines, { requests: true });
  assert.deepEqual(
    (await read(lines)).records,
    records.slice(1),
    "what was no call is there only when it is asked for",
  );
  assert.deepEqual(
    records.map(({ client, address, server, tool, outcome: came, reason, count }) => [
      ...[client, address, server, tool, came, reason, count],
    ]),
    [
      [null, "192.168.1.77", null, null, "refused", "unknown key", 312],
      ["phone", null, null, null, "refused", "tool call", 9],
    ],
  );
});

test("calls are chosen by client, server, tool, outcome and time; what came of them may be later", async () => {
  const lines = {
    [FILE]: [
      ...[call("1", "10:01"), call("2", "10:02", { client: "codex", server: "git", tool: "git_log" })],
      ...[outcome("2", "10:03", "failed"), outcome("1", "10:09", "answered")],
    ],
    [REFUSED]: [refused("r", "10:04", { server: "", tool: "nonsense" })],
  };
  const chosen = async (selection: Selection) => ids((await read(lines, selection)).records).map(([id]) => id);
  assert.deepEqual(await chosen({ clients: ["codex"] }), ["2"]);
  assert.deepEqual(await chosen({ servers: ["time"] }), ["1"]);
  assert.deepEqual(await chosen({ tools: ["git-git_log", "nonsense"] }), ["2", "r"]);
  assert.deepEqual(await chosen({ outcomes: ["answered"] }), ["1"]);
  assert.deepEqual(await chosen({ outcomes: ["refused"] }), ["r"]);
  assert.deepEqual(await chosen({ outcomes: ["failed", "refused"] }), ["2", "r"]);
  assert.deepEqual(await chosen({ until: at("10:02") }), ["1"]);
  assert.deepEqual(await chosen({ since: at("10:02") }), ["2", "r"]);
  const [one] = (await read(lines, { until: at("10:02") })).records;
  assert.equal(one?.outcome, "answered");
});

test("a line that nobody can read is counted, and hides no other", async () => {
  const { records, unreadable } = await read({
    [FILE]: [
      call("1", "10:01"),
      '{"audit":"outcome","id":"1","ti',
      "",
      call("2", "10:02"),
      outcome("2", "10:02", "failed"),
    ],
  });
  assert.deepEqual(ids(records), [
    ["1", "running"],
    ["2", "failed"],
  ]);
  assert.equal(unreadable, 1);
});

test("what is masked now is masked in lines that were written before it was", async () => {
  const { records } = await read(
    {
      [FILE]: [
        call("1", "10:01", { arguments: { to: ["ann@example.com"] } }),
        outcome("1", "10:01", "failed", { reason: "no ann@example.com", result: [{ text: "ann@example.com" }] }),
      ],
    },
    {},
    ["email"],
  );
  assert.ok(!JSON.stringify(records).includes("ann@"), JSON.stringify(records));
  assert.deepEqual(records[0]?.arguments, { to: ["[email]"] });
});

test("many calls pass through, however many are waiting behind one that nobody answers", async () => {
  const many = Array.from({ length: 5_000 }, (_, n) => [
    call(`${n}`, "10:02"),
    outcome(`${n}`, "10:02", "answered"),
  ]).flat();
  const { records } = await read({ [FILE]: [call("stuck", "10:01"), ...many, call("later", "11:30")] });
  assert.equal(records.length, 5_002);
  assert.deepEqual(ids(records.slice(0, 2)), [
    ["stuck", "unknown"],
    ["0", "answered"],
  ]);
  const last = await lastOf(
    recordsOf({ files: filesOf({ [FILE]: many }), selection: {}, masked: [], unreadable: 0 }),
    3,
  );
  assert.deepEqual(
    last.map(({ id }) => id),
    ["4997", "4998", "4999"],
  );
});

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "audit-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Read as in the container of the ingress. */
const filesIn = async (folder: string): Promise<AuditFiles> => ({
  names: (await readdir(folder)).sort(),
  runningSince: NOW,
  read: (names) =>
    linesIn(
      execa("sh", ["-c", READ, "sh", ...names.map((name) => path.join(folder, name))], { encoding: "buffer" }).stdout,
    ),
});

test("what the ingress writes is read again, from as many files as it makes", async (t) => {
  const folder = await folderOf(t);
  const audit = new Audit({ folder, days: 90, bytes: 512 * 1024, results: true });
  const asked = { client: "phone", address: "192.168.1.20", server: "time", tool: "now", route: "/mcp/" };
  for (let n = 0; n < 500; n += 1) {
    const ended = await audit.call({ ...asked, arguments: { n, text: "\u2028\n".repeat(20) } });
    ended(n % 5 ? "answered" : "failed", n % 5 ? { result: [n] } : { reason: "Error" });
  }
  audit.refusedCall({ ...asked, arguments: {} }, "no");
  audit.refusedRequest({ address: "192.168.1.77" }, "unknown key");
  await audit.close();
  const files = await filesIn(folder);
  assert.ok(files.names.length > 3, `there are only ${files.names.length} files`);
  const reading: Reading = { files, selection: { requests: true }, masked: [], unreadable: 0 };
  const records = await all(reading);
  const count = (came: string) => records.filter(({ outcome: one }) => one === came).length;
  assert.deepEqual([count("answered"), count("failed"), count("refused"), reading.unreadable], [400, 100, 2, 0]);
  assert.deepEqual(
    records.filter(({ outcome: one }) => one !== "refused").map(({ arguments: given }) => (given as { n: number }).n),
    Array.from({ length: 500 }, (_, n) => n),
  );
});

test("half a line at the end of a file, and a file that was just removed, cost no other line", async (t) => {
  const folder = await folderOf(t);
  const next = "calls-2026-11-22T11-00-00-000Z-ab12.jsonl";
  await writeFile(path.join(folder, FILE), `${JSON.stringify(call("1", "10:01"))}\n{"audit":"outc`);
  await writeFile(path.join(folder, next), `${JSON.stringify(call("2", "11:01"))}\n`);
  const { names, ...files } = await filesIn(folder);
  const gone = "calls-2026-11-22T10-30-00-000Z-ab12.jsonl";
  const reading: Reading = { files: { ...files, names: [...names, gone] }, selection: {}, masked: [], unreadable: 0 };
  assert.deepEqual(ids(await all(reading)), [
    ["1", "unknown"],
    ["2", "unknown"],
  ]);
  assert.equal(reading.unreadable, 1);
  assert.match(await readFile(path.join(folder, next), "utf8"), /"2"/);
});
