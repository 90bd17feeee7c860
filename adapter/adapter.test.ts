import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { adapterFor, inputSchema, lockOf, say, TOKEN, until, usualLock } from "./testing.ts";

interface Heard {
  readonly heard: Readonly<Record<string, number>>;
  /** Tools in the order of their calls. */
  readonly called: readonly string[];
  readonly cancelled: readonly number[];
  readonly pid: number;
  readonly env: readonly string[];
}

for (const transport of ["sse", "http"] as const) {
  test(`${transport}: a client is greeted with what the server said, lists, and calls`, async (t) => {
    const { connect, isUp } = await adapterFor(t, { lock: usualLock("echo") });
    await isUp();
    const client = await connect(transport);
    assert.deepEqual(client.getServerVersion(), { name: "stand-in", version: "1" });
    assert.equal(client.getInstructions(), "Be kind.");
    assert.deepEqual(client.getServerCapabilities(), {
      tools: { listChanged: true },
      logging: {},
      resources: { subscribe: true },
    });
    const { tools } = await client.listTools();
    assert.deepEqual(tools, [{ name: "echo", description: "Does echo", inputSchema }]);
    assert.equal(await say(client, "echo", { text: "hello" }), "hello");
    await client.ping();
  });

  test(`${transport}: a result arrives as it was sent`, async (t) => {
    const { connect, isUp } = await adapterFor(t);
    await isUp();
    const reply = {
      content: [
        { type: "text", text: "ünï\u0000cödé 🂡", annotations: { audience: ["user"], priority: 0.5 }, _meta: { a: 1 } },
        { type: "image", data: "aGk=", mimeType: "image/png" },
        { type: "resource_link", uri: "file:///a", name: "a", size: 5 },
        { type: "resource", resource: { uri: "file:///b", blob: "aGk=", _meta: { "x/y": [null, false, {}] } } },
      ],
      structuredContent: { rows: [{ id: 1, deep: { er: [[], {}] } }], none: null },
      isError: true,
      _meta: { "example.org/more": { kept: true } },
    };
    const client = await connect(transport);
    assert.deepEqual(await client.callTool({ name: "reply", arguments: { reply } }), reply);
  });

  test(`${transport}: fifty sessions with twenty calls each get their own answers`, async (t) => {
    const { connect, isUp, upstream } = await adapterFor(t);
    await isUp();
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(transport)));
    await Promise.all(
      clients.flatMap((client, at) =>
        Array.from({ length: 20 }, async (_, call) => {
          const text = `${at}/${call}`;
          assert.equal(await say(client, "sleep", { ms: (at * 7 + call * 13) % 20, text }), text);
        }),
      ),
    );
    assert.deepEqual([upstream.requests.running, upstream.requests.waiting], [0, 0]);
  });

  test(`${transport}: progress goes to the session it belongs to, though all use the same tokens`, async (t) => {
    const { connect, isUp } = await adapterFor(t);
    await isUp();
    await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const client = await connect(transport);
        const heard: Record<string, unknown>[] = [];
        // Where the session ends: the SDK forgets the listener of a call when its answer has come, also before it has told it
        // of the progress that came in the same packet.
        const session = client.transport!;
        const { onmessage } = session;
        session.onmessage = (message, extra) => {
          if ("method" in message && message.method === "notifications/progress") heard.push({ ...message.params });
          onmessage?.(message, extra);
        };
        await client.callTool({ name: "progress", arguments: { steps: 3, text: `${at}` } }, undefined, {
          onprogress: () => {},
        });
        const progressToken = heard[0]?.["progressToken"];
        assert.deepEqual(
          heard,
          [1, 2, 3].map((progress) => ({ progress, message: `${at}`, progressToken })),
        );
      }),
    );
  });

  test(`${transport}: a call that a client gives up is cancelled at the server`, async (t) => {
    const { connect, isUp, upstream } = await adapterFor(t);
    await isUp();
    const client = await connect(transport);
    const giveUp = new AbortController();
    const call = client.callTool({ name: "sleep", arguments: { ms: 60_000 } }, undefined, { signal: giveUp.signal });
    await until(() => upstream.requests.running === 1, "the call runs");
    const [id] = upstream.requests.ids;
    giveUp.abort();
    await assert.rejects(call);
    const { cancelled } = JSON.parse(await say(client, "heard")) as Heard;
    assert.deepEqual(cancelled, [id]);
    assert.equal(upstream.requests.running, 0);
  });
}

test("calls of a client that hangs up are cancelled, and its session is forgotten", async (t) => {
  const { connect, isUp, upstream, url } = await adapterFor(t);
  await isUp();
  const client = await connect("sse");
  client.callTool({ name: "sleep", arguments: { ms: 60_000 } }).catch(() => {});
  await until(() => upstream.requests.running === 1, "the call runs");
  await client.close();
  await until(() => upstream.requests.running === 0, "the call is cancelled");
  const metrics = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
  assert.match(metrics, /^adapter_sessions 0$/m);
});

test("over HTTP without a session one request is one answer; a session that is not there is 404", async (t) => {
  const { url, isUp } = await adapterFor(t);
  await isUp();
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const post = (message: object, more = {}) =>
    fetch(`${url}/mcp/`, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(message) });
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "echo", arguments: { text: "hi" } } };
  assert.match(await (await post(call)).text(), /"id":7,"result":\{"content":\[\{"type":"text","text":"hi"/);
  assert.equal((await post(call, { "mcp-session-id": "gone" })).status, 404);
  assert.equal((await fetch(`${url}/mcp`, { headers })).status, 405);
  const metrics = () => fetch(`${url}/metrics`, { headers }).then((answer) => answer.text());
  await until(async () => /^adapter_sessions 0$/m.test(await metrics()), "no session is left");
});

test("a client that says its revision of the protocol twice, as LiteLLM 1.77.3 does, is understood", async (t) => {
  const { url, isUp } = await adapterFor(t);
  await isUp();
  const status = (...versions: string[]) =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": versions,
      };
      request(`${url}/mcp`, { method: "POST", headers }, (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    });
  assert.equal(await status("2025-06-18", "2025-06-18"), 200);
  assert.equal(await status("2025-06-18", "2025-03-26"), 400);
});

test("without the token every path but /health is 401, and the server hears nothing", async (t) => {
  const { url, isUp } = await adapterFor(t);
  await isUp();
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  for (const authorization of [undefined, "", TOKEN, `bearer ${TOKEN}`, `Bearer ${TOKEN}x`, "Basic x"])
    for (const [method, path] of [
      ["GET", "/sse"],
      ["POST", "/messages?sessionId=a"],
      ["POST", "/mcp"],
      ["GET", "/mcp"],
      ["DELETE", "/mcp"],
      ["GET", "/metrics"],
      ["GET", "/"],
      ["POST", "/health"],
      ["GET", "//health"],
      ["GET", "/health/../metrics"],
    ] as const) {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { "content-type": "application/json", ...(authorization !== undefined && { authorization }) },
        ...(method === "POST" && { body }),
      });
      assert.equal(answer.status, 401, `${method} ${path} with ${authorization}`);
    }
  const health = await fetch(`${url}/health`);
  assert.equal(health.status, 200);
  const { state, since, ...more } = (await health.json()) as Record<string, unknown>;
  assert.equal(state, "up");
  assert.ok(Date.now() - Date.parse(String(since)) < 60_000);
  assert.deepEqual(more, { tools: 17, withheld: 0, missing: 0, restarts: 0 });
});

test("a page of another host gets nothing, even with the token", async (t) => {
  const { url } = await adapterFor(t);
  const authorization = `Bearer ${TOKEN}`;
  for (const [origin, status] of [
    ["http://evil.example", 403],
    ["http://localhost.evil.example", 403],
    ["null", 403],
    ["http://localhost:6274", 404],
  ] as const)
    assert.equal((await fetch(`${url}/nothing`, { headers: { authorization, origin } })).status, status, origin);
});

test("a path that is not there and a message that is none are refused", async (t) => {
  const { url } = await adapterFor(t, { http: { questionBytes: 1_000 } });
  const authorization = `Bearer ${TOKEN}`;
  assert.equal(
    (await fetch(`${url}/messages?sessionId=a`, { method: "POST", headers: { authorization } })).status,
    404,
  );
  assert.equal((await fetch(`${url}/other`, { headers: { authorization } })).status, 404);
  const post = (body: string) =>
    fetch(`${url}/mcp`, { method: "POST", headers: { authorization, "content-type": "application/json" }, body });
  assert.equal((await post("{")).status, 400);
  assert.equal((await post(`"${"x".repeat(2_000)}"`)).status, 413);
  assert.equal((await post("[".repeat(100) + "]".repeat(100))).status, 400);
});

test("without a lock nothing is shown, and nothing can be called", async (t) => {
  const { connect, isUp } = await adapterFor(t, { lock: {} });
  await isUp();
  const client = await connect();
  assert.deepEqual((await client.listTools()).tools, []);
  assert.match(
    await say(client, "echo", { text: "hi" }),
    /^Error: the tool echo .* is not approved, and was not called$/,
  );
});

test("before a server has listed anything, an approved tool is not called withheld, and one that is not approved is refused", async (t) => {
  const { connect } = await adapterFor(t, { standIn: { initializeMs: 60_000 }, lock: usualLock("echo") });
  const client = await connect();
  assert.match(
    await say(client, "echo"),
    /^Error: the MCP server example is being started since .*; ask again in a moment$/,
  );
  assert.match(await say(client, "crash"), /^Error: the tool crash .* is not approved, and was not called$/);
});

test("a tool whose text changes is withheld from then on, and comes back when it is as approved", async (t) => {
  const gift = { name: "gift", description: "Gives", inputSchema };
  const { connect, isUp, upstream } = await adapterFor(t, {
    standIn: { tools: [gift] },
    lock: { ...usualLock("list", "heard"), ...lockOf([gift]) },
  });
  await isUp();
  const client = await connect();
  let changes = 0;
  client.fallbackNotificationHandler = async ({ method }) => void (changes += Number(method.endsWith("list_changed")));
  assert.equal(await say(client, "gift"), "called gift");
  await say(client, "list", { tools: [{ ...gift, description: "Gives, and takes" }] });
  await until(() => upstream.catalogue.withheld === 16, "the change is seen");
  assert.deepEqual((await client.listTools()).tools.map(({ name }) => name).sort(), ["heard", "list"]);
  const { heard } = JSON.parse(await say(client, "heard")) as Heard;
  assert.match(await say(client, "gift"), /^Error: the tool gift .* is withheld, and was not called/);
  const after = JSON.parse(await say(client, "heard")) as Heard;
  assert.equal(after.heard["tools/call"], heard["tools/call"]! + 1);
  await until(() => changes === 1, "the client is told");
  await say(client, "list", { tools: [gift] });
  await until(() => upstream.catalogue.names.has("gift"), "the tool is back");
  assert.equal(await say(client, "gift"), "called gift");
});

test("a server that is started again with other texts shows none of them", async (t) => {
  const gift = { name: "gift", description: "Gives", inputSchema };
  const { connect, isUp, upstream } = await adapterFor(t, {
    standIn: { tools: [{ ...gift, description: "Takes" }] },
    lock: { ...usualLock("crash"), ...lockOf([gift]) },
  });
  await isUp();
  const client = await connect();
  await say(client, "crash");
  await until(() => upstream.restarts === 1 && upstream.state === "up", "it is back");
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ["crash"],
  );
});

test("a tool that is as approved in every second list only is shown in no other state, and called in none", async (t) => {
  const gift = { name: "gift", description: "Gives", inputSchema };
  const { connect, isUp, upstream } = await adapterFor(t, {
    standIn: { tools: [gift], flickers: [{ ...gift, description: "Gives, and takes" }] },
    lock: { ...usualLock("storm", "heard"), ...lockOf([gift]) },
  });
  await isUp();
  const client = await connect();
  let lists = 0;
  for (const is of [false, true, false]) {
    await say(client, "storm", { times: 10 });
    await until(() => upstream.catalogue.names.has("gift") === is, `the tool is ${is ? "shown" : "withheld"}`);
    const { tools } = await client.listTools();
    lists += tools.filter(({ name }) => name === "gift").length;
    for (const tool of tools) assert.ok(tool.name !== "gift" || tool.description === "Gives");
    assert.match(await say(client, "gift"), is ? /^called gift$/ : /is withheld, and was not called/);
  }
  assert.equal(lists, 1);
  const { called } = JSON.parse(await say(client, "heard")) as Heard;
  assert.equal(called.filter((name) => name === "gift").length, 1);
});

test("tools of one name and of names that look alike: neither is shown but the approved one, and no other is called", async (t) => {
  const tool = (name: string, description = "Gives") => ({ name, description, inputSchema });
  const alike = [
    "caf\u0435",
    "cafe\u0301",
    "caf\u00E9 ",
    " caf\u00E9",
    "CAF\u00C9",
    "caf\u00E9\u200B",
    "caf\u00E9\0",
    "__proto__",
  ];
  const approved = tool("caf\u00E9");
  const { connect, isUp } = await adapterFor(t, {
    standIn: { tools: [approved, ...alike.map((name) => tool(name)), tool("twice"), tool("twice", "Takes")] },
    lock: { ...usualLock("heard"), ...lockOf([approved, tool("twice")]) },
  });
  await isUp();
  for (const transport of ["sse", "http"] as const) {
    const client = await connect(transport);
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.filter(({ name }) => name !== "heard"),
      [approved],
    );
    for (const name of [...alike, "twice"]) assert.match(await say(client, name), /was not called/, name);
    assert.equal(await say(client, approved.name), "called caf\u00E9");
    const { called } = JSON.parse(await say(client, "heard")) as Heard;
    assert.deepEqual(new Set(called), new Set([approved.name, "heard"]));
  }
});

test("a list of ten thousand tools on many pages, with five mebibytes of description, shows what is approved", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, {
    standIn: { tools10k: true, pageSize: 3_000, longDescription: 5 * 2 ** 20 },
    lock: usualLock("echo"),
  });
  await isUp();
  assert.equal(upstream.catalogue.withheld, 10_017);
  const client = await connect();
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ["echo"],
  );
});

test("list_changed in a loop costs a listing a second at most, and clients hear of no change", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  const client = await connect();
  let changes = 0;
  client.fallbackNotificationHandler = async () => void (changes += 1);
  for (let at = 0; at < 20; at++) {
    await say(client, "storm", { times: 500 });
    await pause(50);
  }
  await pause(1_100);
  const { heard } = JSON.parse(await say(client, "heard")) as Heard;
  assert.ok(heard["tools/list"]! >= 2 && heard["tools/list"]! <= 6, `${heard["tools/list"]} listings`);
  assert.equal(changes, 0);
});

test("answers to what nobody asked, half lines, and what is no JSON-RPC harm nobody", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t);
  await isUp();
  const client = await connect();
  const answer = (id: unknown) => `${JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } })}\n`;
  for (const raw of [
    ...[99_999, -1, "1", null, { a: 1 }].map(answer),
    "a line that a server prints\n",
    '{"jsonrpc":"2.0","id":\n',
    '[]\n[[[1]]]\nnull\n5\n"text"\n{}\n',
    '{"jsonrpc":"2.0","method":5}\n{"jsonrpc":"2.0","method":"notifications/progress","params":[]}\n',
    '{"__proto__":{"id":1}}\n',
    `${"[".repeat(5_000)}\n`,
    "\u0000\n\r\n\n",
  ])
    assert.equal(await say(client, "raw", { raw }), "said");
  assert.equal(await say(client, "echo", { text: "still here" }), "still here");
  assert.equal(upstream.restarts, 0);
});

test("half a line spoils the answer that is written after it, and no other", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, { sessions: { toolSeconds: { raw: 1 } } });
  await isUp();
  const client = await connect();
  for (const half of [
    '{"jsonrpc":"2.0","id":',
    '{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"',
    "[",
    '"',
  ]) {
    const sleeping = say(client, "sleep", { ms: 100, text: "its own" });
    assert.match(await say(client, "raw", { raw: half }), /^Error: .* did not answer the call within 1 s/);
    assert.equal(await sleeping, "its own");
  }
  assert.equal(await say(client, "echo", { text: "still here" }), "still here");
  assert.deepEqual([upstream.requests.running, upstream.restarts], [0, 0]);
});

test("half a line that a server dies with is not the start of the next one's", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, { sessions: { callSeconds: 3 } });
  await isUp();
  const client = await connect();
  const result = { content: [{ type: "text", text: "never whole" }] };
  const half = say(client, "raw", { raw: JSON.stringify({ jsonrpc: "2.0", id: 1, result }).slice(0, 40) });
  const crash = say(client, "crash");
  assert.match(await crash, /whether it did what was asked is unknown/);
  assert.match(await half, /thrown away|is unknown/);
  await until(() => upstream.restarts === 1 && upstream.state === "up", "it is back");
  assert.equal(await say(client, "echo", { text: "again" }), "again");
});

test("an error of the protocol in answer to a call is a result that says so; to anything else it stays an error", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  for (const transport of ["sse", "http"] as const) {
    const client = await connect(transport);
    const error = { code: -32_603, message: "getaddrinfo ENOTFOUND api.example.org", data: { a: 1 } };
    assert.deepEqual(await client.callTool({ name: "fail", arguments: { error } }), {
      content: [{ type: "text", text: "Error: getaddrinfo ENOTFOUND api.example.org" }],
      isError: true,
    });
    await assert.rejects(client.readResource({ uri: "no:such" }), /-32601/);
  }
});

test("what a server asks of its client is refused properly, and its ping is answered", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  const client = await connect();
  for (const method of ["sampling/createMessage", "elicitation/create", "roots/list"]) {
    const { error } = JSON.parse(await say(client, "ask", { method })) as { error: { code: number; message: string } };
    assert.equal(error.code, -32601);
    assert.match(error.message, new RegExp(method));
  }
  assert.deepEqual(JSON.parse(await say(client, "ask", { method: "ping" })), {
    jsonrpc: "2.0",
    id: "mine",
    result: {},
  });
});

test("a call has its time limit, the tool's own where there is one", async (t) => {
  const { connect, isUp } = await adapterFor(t, { sessions: { callSeconds: 0.2, toolSeconds: { sleep: 5 } } });
  await isUp();
  const client = await connect();
  assert.equal(await say(client, "sleep", { ms: 500, text: "in time" }), "in time");
  assert.match(await say(client, "ask", { method: "nothing" }), /-32601/);
  const started = performance.now();
  // Nobody answers "raw" twice: this one never ends.
  assert.match(await say(client, "progress", { steps: 10_000 }), /^Error: .* did not answer the call within 0.2 s/);
  assert.ok(performance.now() - started < 3_000);
});

test("calls beyond those that may run and wait are told so at once", async (t) => {
  const { connect, isUp } = await adapterFor(t, { upstream: { limits: { atOnce: 2, waiting: 3 } } });
  await isUp();
  const client = await connect();
  // Long enough for all of them to have arrived, in whatever order.
  const answers = await Promise.all(Array.from({ length: 8 }, () => say(client, "sleep", { ms: 1_000, text: "ok" })));
  const refused = answers.filter((answer) => answer !== "ok");
  assert.equal(refused.length, 3);
  for (const answer of refused)
    assert.match(answer, /^Error: the MCP server example is busy: 2 requests run and 3 wait/);
});

test("an answer that is too large is an error for its own caller", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, { lineBytes: 100_000 });
  await isUp();
  const client = await connect();
  const [big, other] = await Promise.all([
    say(client, "big", { bytes: 3_000_000 }),
    say(client, "sleep", { ms: 50, text: "fine" }),
  ]);
  assert.match(big, /^Error: .* answered, but its answer was thrown away: it has 3000\d+ bytes; at most 100000$/);
  assert.equal(other, "fine");
  assert.equal((await say(client, "big", { bytes: 90_000 })).length, 90_000);
  assert.equal(upstream.restarts, 0);
});

test("a server that dies during a call: its outcome is unknown, the next is told who is away, then it is back", async (t) => {
  const { connect, isUp, upstream, url } = await adapterFor(t, { upstream: { firstPauseMs: 500 } });
  await isUp();
  const client = await connect();
  const sleeping = say(client, "sleep", { ms: 60_000 });
  assert.match(
    await say(client, "crash"),
    /^Error: .* went away during this request \(it ended with exit code 7\); .* is unknown$/,
  );
  assert.match(await sleeping, /is unknown$/);
  const started = performance.now();
  assert.match(
    await say(client, "echo"),
    /^Error: the MCP server example is away since 20.*Z \(it ended with exit code 7\); it is being started again$/,
  );
  await assert.rejects(client.listResources(), /is away since/);
  assert.equal((await client.listTools()).tools.length, 17);
  await client.ping();
  assert.ok(performance.now() - started < 250);
  const health = await fetch(`${url}/health`);
  assert.equal(health.status, 503);
  assert.equal(((await health.json()) as { state: string }).state, "away");
  await until(() => upstream.state === "up", "it is back");
  assert.equal(await say(client, "echo", { text: "again" }), "again");
});

test("a server that hangs is answered for, noticed, killed and started again", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, {
    standIn: { ignoreSigterm: true },
    upstream: { pingSeconds: 0.5 },
  });
  await isUp();
  const client = await connect();
  const { pid } = JSON.parse(await say(client, "heard")) as Heard;
  process.kill(pid, "SIGSTOP");
  const started = performance.now();
  assert.equal((await client.listTools()).tools.length, 17);
  await (await connect()).ping();
  assert.ok(performance.now() - started < 250);
  await until(() => upstream.state === "away", "it is noticed");
  assert.match(await say(client, "echo"), /is away since .* \(it did not answer a ping within 0.5 s\)/);
  await until(() => upstream.state === "up", "it is back");
  assert.equal(await say(client, "echo", { text: "again" }), "again");
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test("a tool that blocks its whole server is waited for; a call that came later does not protect a server that hangs", async (t) => {
  const { connect, isUp, upstream } = await adapterFor(t, { upstream: { pingSeconds: 0.5 } });
  await isUp();
  const client = await connect();
  assert.equal(await say(client, "block", { ms: 2_000 }), "blocked");
  assert.equal(upstream.restarts, 0);
  const { pid } = JSON.parse(await say(client, "heard")) as Heard;
  process.kill(pid, "SIGSTOP");
  // Longer than the pause after which it is asked: these come when it is silent already.
  await pause(400);
  assert.match(await say(client, "sleep", { ms: 1 }), /went away during this request/);
});

test("a process that was stopped is not busy: the call that it has does not protect it", async (t) => {
  const { connect, isUp } = await adapterFor(t, { upstream: { pingSeconds: 0.5 } });
  await isUp();
  const client = await connect();
  const { pid } = JSON.parse(await say(client, "heard")) as Heard;
  const asked = say(client, "sleep", { ms: 15_000 });
  process.kill(pid, "SIGSTOP");
  const began = performance.now();
  assert.match(await asked, /went away during this request/);
  assert.ok(performance.now() - began < 5_000);
});

test("a server that ends at each start is started with growing pauses, and is answered for", async (t) => {
  const { connect, upstream, url } = await adapterFor(t, { standIn: { exitAtOnce: true } });
  const client = await connect();
  assert.deepEqual((await client.listTools()).tools, []);
  await until(() => upstream.state === "away", "it is away");
  await pause(2_000);
  // 50, 100, 200, 400, 400, 400 ms and the starts.
  assert.ok(upstream.restarts >= 2 && upstream.restarts <= 7, `${upstream.restarts} restarts`);
  assert.match(await say(client, "echo"), /^Error: .*(withheld|exit code 3)/);
  assert.equal((await fetch(`${url}/health`)).status, 503);
});

test("a program that is not there is a server that is away", async (t) => {
  const { connect, upstream } = await adapterFor(t, { command: ["/no/such/program"] });
  await until(() => upstream.state === "away", "it is away");
  assert.match(await say(await connect(), "echo"), /it cannot be started: spawn \/no\/such\/program ENOENT/);
});

test("a server that starts slowly keeps nobody waiting", async (t) => {
  const { connect, isUp } = await adapterFor(t, { standIn: { initializeMs: 700 } });
  const started = performance.now();
  const client = await connect();
  assert.deepEqual((await client.listTools()).tools, []);
  assert.match(await say(client, "echo"), /^Error: the MCP server example is being started since/);
  assert.ok(performance.now() - started < 600);
  let changes = 0;
  client.fallbackNotificationHandler = async () => void (changes += 1);
  await isUp();
  await until(() => changes === 1, "the client is told that there are tools");
  assert.equal((await client.listTools()).tools.length, 17);
});

test("a server that refuses newer revisions of the protocol is asked for an older one", async (t) => {
  const { connect, isUp } = await adapterFor(t, { standIn: { refuseNewer: true } });
  await isUp();
  assert.equal(await say(await connect(), "echo", { text: "old" }), "old");
});

test("updates of a resource go to who subscribed, and the server is told of the first and the last of them", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  const [one, two, three] = await Promise.all([connect(), connect("http"), connect()]);
  const heard: string[] = [];
  for (const [name, client] of Object.entries({ one, two, three }))
    client.fallbackNotificationHandler = async ({ params }) => void heard.push(`${name} ${String(params?.uri)}`);
  await one.subscribeResource({ uri: "a:1" });
  await three.subscribeResource({ uri: "a:1" });
  await three.subscribeResource({ uri: "a:2" });
  const update = (uri: string) => say(two, "own", { method: "notifications/resources/updated", params: { uri } });
  await update("a:1");
  await update("a:2");
  await until(() => heard.length === 3, "all are told");
  assert.deepEqual(heard.sort(), ["one a:1", "three a:1", "three a:2"]);
  await one.close();
  await update("a:1");
  await until(() => heard.length === 4, "who is left is told");
  await three.unsubscribeResource({ uri: "a:1" });
  const counts = (JSON.parse(await say(two, "heard")) as Heard).heard;
  assert.deepEqual([counts["resources/subscribe"], counts["resources/unsubscribe"]], [3, 1]);
});

test("the server's log goes to who asked for it, from its level on, and else to nobody but a client that is alone", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  const [one, two, three] = await Promise.all([connect(), connect("http"), connect()]);
  const heard: string[] = [];
  for (const [name, client] of Object.entries({ one, two, three }))
    client.fallbackNotificationHandler = async ({ params }) => void heard.push(`${name} ${String(params?.data)}`);
  await one.setLoggingLevel("error");
  await say(two, "log", { level: "info", text: "alone" });
  await until(() => heard.length === 1, "the caller is told");
  const sleeping = say(three, "sleep", { ms: 300 });
  await say(two, "log", { level: "critical", text: "among others" });
  await sleeping;
  assert.deepEqual(heard.sort(), ["one among others", "two alone"]);
});

test("tasks are not offered, and not passed on: another client could have them", async (t) => {
  const { connect, isUp } = await adapterFor(t);
  await isUp();
  const client = await connect();
  const { heard } = JSON.parse(await say(client, "heard")) as Heard;
  await assert.rejects(client.experimental.tasks.listTasks(), /-32601|not support/);
  assert.equal(heard["tasks/list"], undefined);
});
