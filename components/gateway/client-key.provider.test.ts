import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { readFile } from "node:fs/promises";
import { after, before, beforeEach, test } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { create, delete as remove, read, update } from "./client-key.provider.ts";

/** LiteLLM's key API as far as the provider uses it, with what facts about 1.77.3 say of it. */
const hash = (key: string) => createHash("sha256").update(key).digest("hex");
const keys = new Map<string, Record<string, unknown>>();
let calls: string[] = [];
let addresses: string[] = [];
const gateway = http.createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const url = new URL(request.url!, "http://gateway");
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.headers.authorization !== "Bearer sk-master") return answer(401, { error: "not the master key" });
    const body = (text ? JSON.parse(text) : {}) as Record<string, unknown> & { key: string; keys: string[] };
    calls.push(url.pathname);
    addresses.push(request.url!);
    switch (url.pathname) {
      case "/key/list": {
        const [wanted, alias] = [url.searchParams.get("key_hash"), url.searchParams.get("key_alias")];
        const stored = [...keys].map(([key, value]): Record<string, unknown> => ({ ...value, token: hash(key) }));
        return answer(200, {
          keys: stored.filter(({ token, key_alias }) => (wanted ? token === wanted : key_alias === alias)),
        });
      }
      case "/key/generate":
        if ([...keys.values()].some(({ key_alias }) => key_alias === body.key_alias))
          return answer(400, { error: "alias exists" });
        keys.set(body.key, body);
        return answer(200, {});
      case "/key/update":
        // As FastAPI answers what it cannot read: with what it was given.
        if (body.max_budget === -1) return answer(422, { detail: [{ input: body }] });
        for (const [key, value] of keys)
          if (body.key === key || body.key === hash(key)) keys.set(key, { ...value, ...body, key });
        return answer(200, {});
      case "/key/delete":
        body.keys.forEach((key) => keys.delete(key));
        return answer(200, {});
      default:
        return answer(500, { error: url.pathname });
    }
  });
});
let port: number;
const props = (changes = {}) => ({
  admin: { docker: { host: "unix:///var/run/docker.sock", sshOpts: [] }, port },
  masterKey: "sk-master",
  key: "sk-first",
  alias: "phone",
  groups: ["time"],
  routes: ["/mcp/*", "/v1/models"],
  models: ["mock"],
  budget: 5,
  ...changes,
});

before(async () => {
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  port = (gateway.address() as AddressInfo).port;
});
after(() => gateway.close());
beforeEach(() => {
  keys.clear();
  calls = [];
  addresses = [];
});

test("a new key is made with all that it may do", async () => {
  const { id, outs } = await create(props());
  assert.equal(id, "phone");
  assert.deepEqual(outs, props());
  assert.deepEqual(keys.get("sk-first"), {
    key: "sk-first",
    key_alias: "phone",
    models: ["mock"],
    allowed_routes: ["/mcp/*", "/v1/models"],
    object_permission: { mcp_servers: [], mcp_access_groups: ["time"] },
    rpm_limit: null,
    tpm_limit: null,
    max_budget: 5,
  });
});

test("tokens a minute and the period of a budget reach LiteLLM, and are lifted again", async () => {
  const limited = props({ tpm: 1000, budgetDuration: "30d" });
  await create(limited);
  const stored = () => [keys.get("sk-first")?.tpm_limit, keys.get("sk-first")?.budget_duration];
  assert.deepEqual(stored(), [1000, "30d"]);
  assert.deepEqual((await read("phone", limited)).props, limited);
  keys.set("sk-first", { ...keys.get("sk-first"), tpm_limit: 5, budget_duration: "1d" });
  const found = (await read("phone", limited)) as { inputs: object };
  assert.deepEqual(found.inputs, { ...limited, tpm: 5, budgetDuration: "1d" });
  await update("phone", limited, props());
  // Without a duration in the request LiteLLM would keep the month.
  assert.deepEqual(stored(), [null, "36500d"]);
  assert.deepEqual((await read("phone", props())).props, props());
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
  await create(props({ budget: 60 }));
  assert.deepEqual(calls, ["/key/list", "/key/update"]);
  assert.equal(keys.get("sk-first")?.max_budget, 60);
});

test("another value takes the alias over, and what was spent; the former one works under another alias until it is deleted", async () => {
  await create(props());
  keys.set("sk-first", { ...keys.get("sk-first"), spend: 3 });
  await create(props({ key: "sk-second" }));
  assert.deepEqual(
    [...keys.values()].map(({ key, key_alias, spend, models }) => ({ key, key_alias, spend, models })),
    [
      { key: "sk-first", key_alias: `phone:replaced-${hash("sk-first").slice(0, 8)}`, spend: 3, models: ["mock"] },
      { key: "sk-second", key_alias: "phone", spend: 3, models: ["mock"] },
    ],
  );
  await remove("phone", props());
  assert.deepEqual([...keys.keys()], ["sk-second"]);
});

test("a replacement that was interrupted goes on where it was", async () => {
  await create(props());
  await create(props({ key: "sk-second" }));
  calls = [];
  await create(props({ key: "sk-second" }));
  assert.deepEqual(calls, ["/key/list", "/key/update"]);
  assert.deepEqual(
    [...keys.values()].map(({ key_alias }) => key_alias),
    [`phone:replaced-${hash("sk-first").slice(0, 8)}`, "phone"],
  );
});

test("deleting a key that is gone is no error", async () => {
  await remove("phone", props());
  assert.deepEqual(calls, ["/key/list"]);
});

test("a refresh forgets a key that LiteLLM no longer has, and keeps the others", async () => {
  await create(props());
  assert.deepEqual(await read("phone", props()), { id: "phone", props: props() });
  assert.deepEqual(await read("phone", props({ key: "sk-unknown" })), {});
});

test("a refresh keeps every key while the gateway is down, and says so", async (t) => {
  const warned = t.mock.method(console, "warn", () => {});
  const down = props({ admin: { docker: { host: "unix:///var/run/docker.sock", sshOpts: [] }, port: 9 } });
  assert.deepEqual(await read("phone", down), { id: "phone", props: down });
  assert.match(
    String(warned.mock.calls[0]?.arguments[0]),
    /^phone: not checked, no answer from LiteLLM at 127\.0\.0\.1:9: .*ECONNREFUSED/,
  );
});

test("an error names route and status, not the key", async () => {
  await assert.rejects(read("phone", props({ masterKey: "sk-wrong" })), (error: Error) => {
    assert.match(error.message, /^LiteLLM GET \/key\/list: HTTP 401 /);
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

test("no key is in the address of a request, where logs would keep it", async () => {
  await create(props());
  await update("phone", props(), props({ budget: 60 }));
  await read("phone", props());
  await remove("phone", props());
  assert.equal(addresses.length, 8);
  for (const address of addresses) assert.ok(!address.includes("sk-"), address);
});

for (const [what, change, found] of [
  ["alias", { key_alias: "mine" }, { alias: "mine" }],
  ["models", { models: ["mock", "gpt"] }, { models: ["gpt", "mock"] }],
  ["models taken away", { models: [] }, { models: [] }],
  ["routes", { allowed_routes: [] }, { allowedRoutes: [] }],
  ["groups", { object_permission: { mcp_access_groups: ["time", "git"] } }, { groups: ["git", "time"] }],
  [
    "servers beside the groups",
    { object_permission: { mcp_access_groups: ["time"], mcp_servers: ["abc"] } },
    { servers: ["abc"] },
  ],
  ["permission taken away", { object_permission: null }, { groups: [] }],
  ["requests a minute", { rpm_limit: 1 }, { rpm: 1 }],
  ["budget", { max_budget: null }, { budget: null }],
] as const) {
  test(`a refresh sees what somebody changed in LiteLLM: ${what}`, async () => {
    await create(props());
    keys.set("sk-first", { ...keys.get("sk-first"), ...change });
    const seen = { ...props(), ...found };
    assert.deepEqual(await read("phone", props()), { id: "phone", props: seen, inputs: seen });
    await update("phone", seen, props());
    assert.deepEqual(await read("phone", props()), { id: "phone", props: props() });
  });
}

test("a refresh sees other tool permissions where LiteLLM knows them, and not another order", async () => {
  const given = props({ toolPermissions: { abc: ["now"] }, models: ["a", "b"] });
  await create(given);
  keys.set("sk-first", { ...keys.get("sk-first"), models: ["b", "a"] });
  assert.deepEqual(await read("phone", given), { id: "phone", props: given });
  keys.set("sk-first", {
    ...keys.get("sk-first"),
    object_permission: { mcp_access_groups: ["time"], mcp_tool_permissions: { abc: ["now", "later"] } },
  });
  assert.deepEqual((await read("phone", given)).inputs, { ...given, toolPermissions: { abc: ["now", "later"] } });
});

test("of a host over ssh, LiteLLM is reached by a process of ssh for each call", async (t) => {
  await create(props());
  const folder = await replaceSsh(
    t,
    `echo "$@" >> "$(dirname "$0")/arguments"\nexec ${process.execPath} -e 'const s = require("net").connect(${port}, "127.0.0.1"); process.stdin.pipe(s); s.pipe(process.stdout)'`,
  );
  const overSsh = props({
    budget: 60,
    admin: { docker: { host: "ssh://me@server", sshOpts: ["-o", "BatchMode=yes"] }, port: 4001 },
  });
  await update("phone", props(), overSsh);
  assert.equal(keys.get("sk-first")?.max_budget, 60);
  const line = "-o BatchMode=yes -l me -W 127.0.0.1:4001 -- server\n";
  assert.equal(await readFile(path.join(folder, "arguments"), "utf8"), line + line);
});

test("what ssh says of a host that cannot be reached is in the error", async (t) => {
  await replaceSsh(t, "echo 'Connection refused by server' >&2; exit 255");
  const overSsh = props({ admin: { docker: { host: "ssh://me@server", sshOpts: [] }, port: 4001 } });
  await assert.rejects(
    create(overSsh),
    /^LiteLlmApiError: no answer from LiteLLM at 127\.0\.0\.1:4001 of ssh:\/\/me@server: Connection refused by server$/,
  );
});

test("a key of an earlier version's state is left alone by a refresh, and not lost from sight by a deletion", async () => {
  const old: Partial<ReturnType<typeof props>> = props();
  delete old.admin;
  assert.deepEqual(await read("phone", old as ReturnType<typeof props>), { id: "phone", props: old });
  await assert.rejects(
    remove("phone", old as ReturnType<typeof props>),
    /phone: made by an earlier version.*Deploy once with the client in the settings/,
  );
});
