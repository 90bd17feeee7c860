import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { groupByServer, list, withGateway } from "./listing.ts";

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

test("a session ends when nobody waits for it any more, though the gateway does not answer", async (t) => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const unwanted = new AbortController();
  const asked = once(silent, "request");
  const listed = withGateway(url, "sk-phone", list, unwanted.signal);
  await asked;
  unwanted.abort();
  // In a minute it would end by itself.
  await assert.rejects(listed, /closed|abort/i);
  await assert.rejects(withGateway(url, "sk-phone", list, unwanted.signal), { name: "AbortError" });
});
