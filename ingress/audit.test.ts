import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Audit, type AuditedCall, cut, LineFile } from "./audit.ts";

const DAY_MS = 86_400_000;
let folder: string;
beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), "audit-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const names = async (kind = "") => (await readdir(folder)).filter((name) => name.startsWith(kind)).sort();
const texts = async (kind = "") =>
  Promise.all((await names(kind)).map((name) => readFile(path.join(folder, name), "utf8")));
const lines = async (kind = "") =>
  (await texts(kind))
    .flatMap((text) => text.split("\n").filter(Boolean))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
/** Files are told apart and sorted by milliseconds. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 2));

test("lines that come together are all there, whole and in order, and on disk when they are said to be", async () => {
  const file = new LineFile(folder, "calls", { days: 1, bytes: 2 ** 20 });
  let done = 0;
  const written = Array.from({ length: 200 }, (_, at) => file.write({ at }).then(() => (done += 1)));
  await written[0];
  assert.deepEqual((await lines())[0], { at: 0 });
  await Promise.all(written);
  assert.equal(done, 200);
  assert.deepEqual(
    (await lines()).map(({ at }) => at),
    Array.from({ length: 200 }, (_, at) => at),
  );
  assert.equal((await names()).length, 1);
  await file.close();
});

test("a file that is full is followed by another, and of all together the oldest goes", async () => {
  const file = new LineFile(folder, "calls", { days: 1, bytes: 8_000 });
  await writeFile(path.join(folder, "refused-0.jsonl"), "of another kind\n".repeat(1_000));
  await writeFile(path.join(folder, "calls-notes.txt"), "somebody's own\n".repeat(1_000));
  for (let at = 0; at < 200; at++) {
    await file.write({ at, filling: "x".repeat(80) });
    await tick();
  }
  await file.close();
  const files = (await names("calls-")).filter((name) => name.endsWith(".jsonl"));
  const sizes = await Promise.all(files.map(async (name) => (await stat(path.join(folder, name))).size));
  assert.ok(Math.max(...sizes) <= 1_000, String(sizes));
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 8_000, String(sizes));
  assert.ok(files.length >= 6, `only ${files.length} files are kept`);
  const kept = (await Promise.all(files.map((name) => readFile(path.join(folder, name), "utf8"))))
    .join("")
    .split("\n")
    .filter(Boolean);
  const numbers = kept.map((line) => (JSON.parse(line) as { at: number }).at);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, at) => 200 - numbers.length + at),
    "the newest, without a gap",
  );
  assert.deepEqual(
    (await names()).filter((name) => !name.startsWith("calls-2")),
    ["calls-notes.txt", "refused-0.jsonl"],
  );
});

test("what is too old goes, whatever room there is", async () => {
  const [old, young] = ["calls-2026-01-01.jsonl", "calls-2026-01-09.jsonl"].map((name) => path.join(folder, name)) as [
    string,
    string,
  ];
  for (const [file, days] of [
    [old, 11],
    [young, 9],
  ] as const) {
    await writeFile(file, "{}\n");
    await utimes(file, new Date(), new Date(Date.now() - days * DAY_MS));
  }
  const file = new LineFile(folder, "calls", { days: 10, bytes: 2 ** 20 });
  await file.write({});
  await file.close();
  assert.deepEqual((await names()).slice(0, 1), [path.basename(young)]);
  assert.equal((await names()).length, 2);
});

test("half a line that an earlier end left behind stays by itself", async () => {
  const first = new LineFile(folder, "calls", { days: 1, bytes: 2 ** 20 });
  await first.write({ at: 1 });
  await first.close();
  await appendFile(path.join(folder, (await names())[0]!), '{"at":2,"half');
  await tick();
  const second = new LineFile(folder, "calls", { days: 1, bytes: 2 ** 20 });
  await second.write({ at: 3 });
  await second.close();
  const [before, after] = await texts();
  assert.equal(before, '{"at":1}\n{"at":2,"half');
  assert.equal(after, '{"at":3}\n');
});

test("a line that cannot be written is an error, and the next one tries again", async () => {
  await rm(folder, { recursive: true });
  await writeFile(folder, "a file where the directory should be");
  const file = new LineFile(folder, "calls", { days: 1, bytes: 2 ** 20 });
  await assert.rejects(file.write({ at: 1 }), /EEXIST|ENOTDIR/);
  await rm(folder);
  await file.write({ at: 2 });
  assert.deepEqual(await lines(), [{ at: 2 }]);
  await file.close();
});

test("long values are cut, with their length and hash", () => {
  assert.deepEqual(cut({ a: 1 }, 100), { a: 1 });
  assert.equal(cut(undefined, 100), null);
  const value = { text: "\u00e9".repeat(100) };
  const text = JSON.stringify(value);
  const sha256 = createHash("sha256").update(text).digest("hex");
  assert.deepEqual(cut(value, 20), {
    cut: Buffer.from(text).subarray(0, 20).toString(),
    bytes: Buffer.byteLength(text),
    sha256,
  });
});

const call: AuditedCall = {
  client: "a",
  address: "10.0.0.1",
  server: "time",
  tool: "now",
  arguments: { x: 1 },
  route: "/mcp/",
};
const open = (more = {}) => new Audit({ folder, days: 1, bytes: 2 ** 20, results: false, ...more });

test("a call and its outcome are joined by an id; results are there if asked for", async () => {
  for (const results of [false, true]) {
    const audit = open({ results });
    const ended = await audit.call(call);
    assert.equal((await lines("calls")).filter(({ audit: kind }) => kind === "call").length, results ? 2 : 1);
    ended("failed", { reason: "no", result: "the answer" });
    await audit.close();
    const [before, outcome] = (await lines("calls")).slice(-2);
    assert.equal(before!["id"], outcome!["id"]);
    assert.deepEqual(
      [outcome!["outcome"], outcome!["reason"], outcome!["result"]],
      ["failed", "no", results ? "the answer" : undefined],
    );
  }
});

test("an outcome that cannot be written takes nothing from the client, whose call was made", async (t) => {
  const audit = open({ bytes: 800 });
  const ended = await audit.call(call);
  await rm(folder, { recursive: true });
  await writeFile(folder, "a file where the directory should be");
  const logged = t.mock.method(process.stdout, "write");
  assert.equal(ended("answered", { reason: "x".repeat(100) }), undefined);
  await audit.close();
  await tick();
  assert.ok(logged.mock.calls.some(({ arguments: [text] }) => String(text).includes("outcome not written")));
});

test("sixty refused calls in one moment each have a line; a flood beyond is five lines a minute and a number for each client, in files of its own", async () => {
  const audit = open();
  const ended = await audit.call(call);
  ended("answered");
  for (let at = 0; at < 10_000; at++)
    audit.refusedCall({ ...call, tool: "x".repeat(200), arguments: { big: "y".repeat(50_000) } }, "this key may not");
  for (let at = 0; at < 62; at++) audit.refusedCall({ ...call, client: "b" }, "this key may not");
  await audit.close();
  assert.equal((await lines("calls")).length, 2);
  const refused = await lines("refused");
  const of = (client: string) => refused.filter((line) => line["client"] === client);
  // In whichever order: two files of one millisecond have any.
  const counted = (client: string) => of(client).filter(({ audit: kind }) => kind === "refusals");
  assert.deepEqual([of("a").length, counted("a").length], [61, 1]);
  assert.deepEqual(
    counted("b").map((line) => line["count"]),
    [2],
  );
  const { count, reason, address, since } = counted("a")[0]!;
  assert.deepEqual(
    { count, reason, address, since: typeof since },
    { count: 9_940, reason: "tool call", address: "10.0.0.1", since: "string" },
  );
  assert.ok(JSON.stringify(refused).length < 122 * 1_000, `${JSON.stringify(refused).length} bytes`);
});

test("refused requests are counted by client, or else by address; strangers beyond a thousand are one", async () => {
  const audit = open({ bytes: 2 ** 24 });
  for (let at = 0; at < 3; at++) audit.refusedRequest({ client: "a", address: `10.0.0.${at}` }, "bad request");
  for (let at = 0; at < 5_000; at++) audit.refusedRequest({ address: `10.1.${at >> 8}.${at & 255}` }, "unknown key");
  await audit.close();
  const refused = await lines("refused");
  assert.ok(refused.length <= 1_001, String(refused.length));
  assert.equal(refused.find(({ client }) => client === "a")!["count"], 3);
  assert.equal(refused.find(({ client }) => client === "(strangers)")!["count"], 5_000 - 999);
  assert.equal(
    refused.reduce((sum, { count }) => sum + (count as number), 0),
    5_003,
  );
});

test("refusals have an eighth of the room, and cannot push the calls out", async () => {
  const audit = open({ bytes: 64_000, refused: { atOnce: Infinity, perMinute: Infinity } });
  const ended = await audit.call(call);
  for (let at = 0; at < 1_000; at++) {
    audit.refusedCall(call, "this key may not");
    if (at % 20 === 0) await tick();
  }
  ended("answered");
  await audit.close();
  const sizes = await Promise.all(
    (await names("refused")).map(async (name) => (await stat(path.join(folder, name))).size),
  );
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 64_000 / 8 + 5_000, String(sizes));
  assert.deepEqual(
    (await lines("calls")).map(({ audit: kind }) => kind),
    ["call", "outcome"],
  );
});
