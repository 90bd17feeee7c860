import assert from "node:assert/strict";
import { once } from "node:events";
import type http from "node:http";
import net, { type AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import type { Said } from "./prometheus.ts";
import { createReceiver } from "./receiver.ts";

let receiver: http.Server;
let base: string;
let said: Said[] = [];
let complaints: string[] = [];
let figures: () => Promise<string>;

before(async () => {
  receiver = createReceiver({
    servers: ["time"],
    take: (more) => said.push(...more),
    complain: (problem) => complaints.push(problem),
    figures: { contentType: "text/plain; version=0.0.4; charset=utf-8", metrics: () => figures() },
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
beforeEach(() => ([said, complaints] = [[], []]));
after(() => {
  receiver.close();
  receiver.closeAllConnections();
});

const alert = {
  labels: { alertname: "ServerAway", job: "adapter", instance: "mcp-time:8000", mcp_server: "time" },
  annotations: { summary: "MCP server time has not answered its adapter for a minute" },
  startsAt: "2026-11-22T10:03:20.123Z",
};
const post = (body: BodyInit) => fetch(`${base}/api/v2/alerts`, { method: "POST", body });

test("what Prometheus posts is taken", async () => {
  const { status } = await post(JSON.stringify([alert]));
  assert.equal(status, 200);
  assert.deepEqual([said.map(({ of }) => of), complaints], [["ServerAway time"], []]);
});

test("a wrong body is refused with a text, which is logged; what is right in it is taken", async () => {
  const wrong = { ...alert, labels: { ...alert.labels, mcp_server: "evil" } };
  const answer = await post(JSON.stringify([...Array<unknown>(7).fill(wrong), alert]));
  const text = await answer.text();
  assert.equal(answer.status, 400);
  assert.match(
    text,
    /^alert 1: labels: ServerAway is about a server of this stack, not about "evil"\n.*\nand 2 more\n$/s,
  );
  assert.equal(text.trim().split("\n").length, 6);
  assert.deepEqual([said.length, complaints.length], [1, 1]);
  const broken = await post("[");
  assert.deepEqual([broken.status, said.length], [400, 1]);
  assert.match(await broken.text(), /^the body is not JSON/);
});

test("a body that is too large is refused, also one that does not say how large it is", async () => {
  const large = JSON.stringify([{ ...alert, more: "x".repeat(600_000) }]);
  const answer = await post(large);
  assert.deepEqual([answer.status, await answer.text()], [413, "the body is larger than 524288 bytes\n"]);
  // Endless, as fetch would not send it.
  const { port } = receiver.address() as AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("POST /api/v2/alerts HTTP/1.1\r\nHost: alerts\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const more = setInterval(() => socket.write(chunk), 1);
  const [heard] = (await once(socket, "data")) as [Buffer];
  clearInterval(more);
  socket.destroy();
  assert.match(heard.toString(), /^HTTP\/1\.1 413 /);
  assert.deepEqual(said, []);
});

test("figures are answered, and why there are none", async () => {
  figures = () => Promise.resolve("backup_kept 7\n");
  const answer = await fetch(`${base}/metrics`);
  assert.deepEqual([answer.status, await answer.text()], [200, "backup_kept 7\n"]);
  assert.match(answer.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  figures = () => Promise.reject(new Error("not readable"));
  const failed = await fetch(`${base}/metrics`);
  assert.deepEqual([failed.status, await failed.text()], [500, "not readable"]);
});

test("nothing else is answered there", async () => {
  for (const [method, path, status] of [
    ["GET", "/api/v2/alerts", 405],
    ["DELETE", "/api/v2/alerts", 405],
    ["POST", "/api/v1/alerts", 404],
    ["POST", "/api/v2/silences", 404],
    ["GET", "/", 404],
    ["POST", "/metrics", 404],
  ] as const)
    assert.equal((await fetch(base + path, { method })).status, status, `${method} ${path}`);
});

test("many at once are answered, and none is told twice", async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => post(JSON.stringify([alert])).catch(() => undefined)),
  );
  assert.ok(answers.filter((answer) => answer?.status === 200).length >= 16);
  assert.equal(new Set(said.map(({ of }) => of)).size, 1);
});
