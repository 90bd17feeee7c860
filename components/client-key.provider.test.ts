import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { create, delete as remove, read, update } from "./client-key.provider.ts";

/** LiteLLM's key API as far as the provider uses it, with what facts about 1.77.3 say of it. */
const keys = new Map<string, Record<string, unknown>>();
let calls: string[] = [];
const gateway = http.createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const url = new URL(request.url!, "http://gateway");
    const answer = (status: number, body: unknown) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.headers.authorization !== "Bearer sk-master") return answer(401, { error: "not the master key" });
    const body = (text ? JSON.parse(text) : {}) as Record<string, unknown> & { key: string; keys: string[] };
    calls.push(url.pathname);
    switch (url.pathname) {
      case "/key/info":
        return keys.has(url.searchParams.get("key")!) ? answer(200, {}) : answer(404, { error: "not found" });
      case "/key/generate":
        if ([...keys.values()].some(({ key_alias }) => key_alias === body.key_alias)) return answer(400, { error: "alias exists" });
        keys.set(body.key, body);
        return answer(200, {});
      case "/key/update":
        // As FastAPI answers what it cannot read: with what it was given.
        if (body.max_budget === -1) return answer(422, { detail: [{ input: body }] });
        keys.set(body.key, body);
        return answer(200, {});
      case "/key/delete":
        body.keys.forEach((key) => keys.delete(key));
        return answer(200, {});
      default:
        return answer(500, { error: url.pathname });
    }
  });
});
let gatewayUrl: string;
const props = (changes = {}) => ({
  gatewayUrl,
  masterKey: "sk-master",
  key: "sk-first",
  alias: "phone",
  groups: ["time"],
  policy: { servers: { time: { allow: null, deny: [] } }, everything: false },
  routes: ["/mcp/*", "/v1/models"],
  models: ["mock"],
  rpm: null,
  budget: 5,
  ...changes,
});

before(async () => {
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
after(() => gateway.close());
beforeEach(() => {
  keys.clear();
  calls = [];
});

test("a new key is made with all that it may do", async () => {
  const { id, outs } = await create(props());
  assert.equal(id, "phone");
  assert.deepEqual(outs, props());
  assert.deepEqual(keys.get("sk-first"), {
    key: "sk-first",
    key_alias: "phone",
    models: ["mock"],
    metadata: { mcp_policy: { servers: { time: { allow: null, deny: [] } }, everything: false } },
    allowed_routes: ["/mcp/*", "/v1/models"],
    object_permission: { mcp_access_groups: ["time"] },
    rpm_limit: null,
    max_budget: 5,
  });
});

test("tool permissions go to LiteLLM only where it knows them, and an empty map takes earlier ones back", async () => {
  await create(props({ toolPermissions: { abc: ["now"] } }));
  const sent = () => (keys.get("sk-first")?.object_permission as Record<string, unknown>)["mcp_tool_permissions"];
  assert.deepEqual(sent(), { abc: ["now"] });
  await update("phone", props(), props({ toolPermissions: {} }));
  assert.deepEqual(sent(), {});
});

test("a key that is there already is brought up to date, never generated again", async () => {
  await create(props());
  calls = [];
  await create(props({ rpm: 60 }));
  assert.deepEqual(calls, ["/key/info", "/key/update"]);
  assert.equal(keys.get("sk-first")?.rpm_limit, 60);
});

test("another value takes the alias over", async () => {
  await create(props());
  await update("phone", props(), props({ key: "sk-second" }));
  assert.deepEqual([...keys.keys()], ["sk-second"]);
});

test("deleting a key that is gone is no error", async () => {
  await remove("phone", props());
  assert.deepEqual(calls, ["/key/info"]);
});

test("a refresh forgets a key that LiteLLM no longer has, and keeps the others", async () => {
  await create(props());
  assert.deepEqual(await read("phone", props()), { id: "phone", props: props() });
  assert.deepEqual(await read("phone", props({ key: "sk-unknown" })), {});
});

test("a refresh keeps every key while the gateway is down, and says so", async (t) => {
  const warned = t.mock.method(console, "warn", () => {});
  const down = props({ gatewayUrl: "http://127.0.0.1:9" });
  assert.deepEqual(await read("phone", down), { id: "phone", props: down });
  assert.match(String(warned.mock.calls[0]?.arguments[0]), /^phone: not checked, no answer from LiteLLM at http:\/\/127\.0\.0\.1:9/);
});

test("an error names route and status, not the key", async () => {
  await assert.rejects(read("phone", props({ masterKey: "sk-wrong" })), (error: Error) => {
    assert.match(error.message, /^LiteLLM GET \/key\/info: HTTP 401 /);
    assert.ok(!error.message.includes("sk-first"));
    return true;
  });
});

test("an error does not repeat a key that LiteLLM repeats", async () => {
  await create(props());
  await assert.rejects(update("phone", props(), props({ budget: -1 })), (error: Error) => {
    assert.match(error.message, /^LiteLLM POST \/key\/update: HTTP 422 /);
    assert.ok(!error.message.includes("sk-first"), error.message);
    return true;
  });
});
