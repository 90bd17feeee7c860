import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { keepSecret } from "./secrets.ts";
import { event, standInRemote, type ToldRemote } from "./stand-in-remote.ts";
import { adapterFor, say, type Told, until } from "./testing.ts";

const TRANSPORTS = ["sse", "http"] as const;

async function adapterBefore(t: TestContext, told: ToldRemote, more: Told = {}) {
  const { server, link } = await standInRemote(t, told);
  const adapter = await adapterFor(t, { ...more, link });
  return { server, ...adapter };
}

/** The one header of this name in a request, which is not there twice. */
function headerOf(headers: readonly string[], name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === name);
  assert.ok(values.length < 2, `${name} is there ${values.length} times`);
  return values[0];
}

for (const transport of TRANSPORTS) {
  test(`${transport}: the greeting, a list, a call, and our headers in each request`, async (t) => {
    const { server, connect, isUp, stop } = await adapterBefore(t, { transport, sessions: true });
    await isUp();
    const client = await connect();
    assert.equal(client.getServerVersion()?.name, "remote");
    assert.equal((await client.listTools()).tools.length, 5);
    assert.equal(await say(client, "echo", { text: "hello" }), "hello");
    await stop();
    const posts = server.requests.map(({ what }) => what).filter((what) => what.startsWith("POST"));
    assert.deepEqual(posts.slice(0, 3), ["POST initialize", "POST notifications/initialized", "POST tools/list"]);
    for (const { what, headers } of server.requests) {
      assert.equal(headerOf(headers, "authorization"), "Bearer of-the-adapter-12345", what);
      assert.equal(headerOf(headers, "accept-encoding"), "identity", what);
      const isFirst = what === "POST initialize" || (transport === "sse" && what === "GET");
      assert.equal(headerOf(headers, "mcp-protocol-version"), isFirst ? undefined : "2025-11-25", what);
      if (transport === "http") assert.equal(headerOf(headers, "mcp-session-id"), isFirst ? undefined : "session-1");
    }
    assert.equal(server.count("DELETE"), transport === "http" ? 1 : 0);
  });

  test(`${transport}: a hundred calls at once get their own answers`, async (t) => {
    const { connect, isUp } = await adapterBefore(t, { transport });
    await isUp();
    const client = await connect();
    await Promise.all(
      Array.from({ length: 100 }, async (_, at) =>
        assert.equal(await say(client, "sleep", { ms: (at * 7) % 20, text: `${at}` }), `${at}`),
      ),
    );
  });

  test(`${transport}: numbers that JavaScript cannot hold go through as they were written`, async (t) => {
    const exact = '"structuredContent":{"n":18446744073709551615}';
    const { connect, isUp, url } = await adapterBefore(t, {
      transport,
      takes: ({ response, message, tool }, server) => {
        if (tool !== "odd") return false;
        const text = `data: {"jsonrpc":"2.0","id":${Number(message.id)},"result":{"content":[],${exact}}}\r\n\r\n`;
        if (transport === "sse") {
          response.writeHead(202).end();
          for (const stream of server.streams) stream.write(text);
        } else response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
        return true;
      },
    });
    await isUp();
    await connect();
    const answer = await fetch(`${url}/mcp`, {
      method: "POST",
      headers: {
        authorization: "Bearer token-of-the-tests-0123456789",
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd"}}',
    });
    assert.ok((await answer.text()).includes(exact));
  });

  test(`${transport}: a server that goes away and comes back is found again, and texts say what is done`, async (t) => {
    const { server, connect, isUp, upstream } = await adapterBefore(t, { transport, sessions: true });
    await isUp();
    const client = await connect();
    await server.stop();
    await until(() => upstream.state === "away", "it is away");
    assert.match(
      await say(client, "echo"),
      /^Error: the MCP server example is away since \S+ \(it.*\); it is being connected to again$/,
    );
    assert.equal(upstream.health().ok, false);
    await server.start();
    await until(() => upstream.state === "up", "it is back");
    assert.equal(await say(client, "echo", { text: "again" }), "again");
  });

  test(`${transport}: a tool that is announced is listed`, async (t) => {
    const { server, isUp, upstream } = await adapterBefore(t, { transport });
    await isUp();
    await until(() => server.streams.size === 1, "it listens");
    server.tools = ["echo", "other"];
    server.say({ method: "notifications/tools/list_changed" });
    await until(() => upstream.catalogue.names.has("other"), "it is listed");
  });

  test(`${transport}: a call that takes too long ends in time, and is cancelled once`, async (t) => {
    const { server, connect, isUp, upstream } = await adapterBefore(
      t,
      { transport, takes: ({ tool }) => tool === "odd" },
      { sessions: { callSeconds: 0.3 } },
    );
    await isUp();
    const client = await connect();
    assert.match(await say(client, "odd"), /^Error: .* did not answer the call within 0.3 s; .* unknown$/);
    await until(() => server.count("POST notifications/cancelled") === 1, "the server is told");
    assert.equal(await say(client, "echo", { text: "fine" }), "fine");
    assert.equal(server.count("POST tools/call"), 2);
    assert.equal(upstream.restarts, 0);
  });

  test(`${transport}: an answer that is too large is an error for its own caller`, async (t) => {
    const { connect, isUp, upstream } = await adapterBefore(t, { transport });
    await isUp();
    const client = await connect();
    const [big, other] = await Promise.all([
      say(client, "big", { bytes: 3_000_000 }),
      say(client, "sleep", { ms: 50, text: "fine" }),
    ]);
    assert.match(big, /^Error: .* answered, but its answer was thrown away: it has .* bytes/);
    assert.equal(other, "fine");
    assert.equal((await say(client, "big", { bytes: 900_000 })).length, 900_000);
    assert.equal(upstream.restarts, 0);
  });

  for (const status of [401, 403])
    test(`${transport}: HTTP ${status} says that the credentials are refused, and not what they are`, async (t) => {
      const { connect, upstream, url } = await adapterBefore(t, {
        transport,
        takes: ({ request, response }) =>
          Boolean(
            response.writeHead(status, { "content-type": "text/html" }).end(`<p>${request.headers.authorization}`),
          ),
      });
      await until(() => upstream.state === "away", "it is away");
      const text = await say(await connect(), "echo");
      assert.match(text, new RegExp(`refuses the adapter's credentials \\(HTTP ${status}\\)`));
      assert.doesNotMatch(text + (await (await fetch(`${url}/health`)).text()), /12345|<p>/);
    });

  test(`${transport}: a redirect is not followed`, async (t) => {
    const { server, upstream } = await adapterBefore(t, {
      transport,
      takes: ({ request, response }) =>
        request.url !== "/elsewhere" && Boolean(response.writeHead(307, { location: "/elsewhere" }).end()),
    });
    await until(() => upstream.state === "away", "it is away");
    assert.match(upstream.health().more.reason as string, /redirects \(HTTP 307\), which is not followed/);
    assert.ok(server.requests.every(({ what }) => what === (transport === "sse" ? "GET" : "POST initialize")));
  });

  test(`${transport}: a redirect to the same path with a slash says so`, async (t) => {
    const { upstream } = await adapterBefore(t, {
      transport,
      takes: ({ request, response }) => Boolean(response.writeHead(307, { location: `${request.url}/` }).end()),
    });
    await until(() => upstream.state === "away", "it is away");
    assert.match(upstream.health().more.reason as string, /not followed: its path has a slash at the end$/);
  });

  test(`${transport}: a server that accepts the connection and says nothing is away after a while`, async (t) => {
    const { upstream } = await adapterBefore(t, { transport, takes: () => true }, { upstream: { startSeconds: 0.3 } });
    await until(() => upstream.restarts >= 1, "it is tried again");
    assert.match(upstream.health().more.reason as string, /did not answer initialize within 0.3 s/);
  });

  test(`${transport}: one that stops to answer is noticed by its silence`, async (t) => {
    let isSilent = false;
    const { connect, isUp, upstream } = await adapterBefore(
      t,
      { transport, takes: () => isSilent },
      // It is tried again while it is still silent, and that attempt must not be what the end of the test waits for.
      { upstream: { pingSeconds: 0.5, startSeconds: 1 } },
    );
    await isUp();
    isSilent = true;
    await until(() => upstream.state === "away", "it is noticed");
    assert.match(await say(await connect(), "echo"), /did not answer a ping within 0.5 s/);
    isSilent = false;
    await until(() => upstream.state === "up", "it is back");
  });

  test(`${transport}: a ping that is answered by an error is answered`, async (t) => {
    let pings = 0;
    const { isUp, upstream } = await adapterBefore(t, {
      transport,
      takes: ({ message, response, answer }) => {
        if (message.method !== "ping") return false;
        pings += 1;
        if (pings % 2) response.writeHead(405).end("<h1>no ping");
        else if (transport === "http") response.writeHead(200, { "content-type": "text/event-stream" });
        else response.writeHead(202).end();
        if (pings % 2 === 0) answer({ error: { code: -32601, message: "no ping" } });
        return true;
      },
    });
    await isUp();
    await until(() => pings >= 6, "it was asked");
    assert.deepEqual([upstream.state, upstream.restarts], ["up", 0]);
  });

  test(`${transport}: an error page for a call is an error of that call, without its text`, async (t) => {
    const { connect, isUp, upstream } = await adapterBefore(t, {
      transport,
      takes: ({ tool, args, response }) =>
        tool === "odd" &&
        Boolean(response.writeHead(Number(args.status), { "content-type": "text/html" }).end("<h1>broken")),
    });
    await isUp();
    const client = await connect();
    assert.equal(await say(client, "odd", { status: 400 }), "Error: the MCP server example answered HTTP 400");
    assert.equal(
      await say(client, "odd", { status: 503 }),
      "Error: the MCP server example answered HTTP 503; whether it did what was asked is unknown",
    );
    assert.match(await say(client, "odd", { status: 403 }), /refuses the adapter's credentials \(HTTP 403\)/);
    assert.equal(await say(client, "echo", { text: "fine" }), "fine");
    assert.equal(upstream.restarts, 0);
  });
}

test("http: a secret that the server repeats in its refusal is not in the reason why it is away", async (t) => {
  keepSecret("Bearer of-the-adapter-12345");
  const { connect, upstream, url } = await adapterBefore(t, {
    takes: ({ request, response, answer }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      answer({ error: { code: -32600, message: `not with ${request.headers.authorization}` } });
      return true;
    },
  });
  await until(() => upstream.state === "away", "it is away");
  for (const text of [await say(await connect(), "echo"), await (await fetch(`${url}/health`)).text()]) {
    assert.match(text, /it refused initialize: not with \[secret\]/);
    assert.doesNotMatch(text, /12345/);
  }
});

test("http: a session that is over is begun again; the call that found out is told that nothing was done", async (t) => {
  const { server, connect, isUp, upstream } = await adapterBefore(
    t,
    { sessions: true },
    { upstream: { pingEverySeconds: 60 } },
  );
  await isUp();
  const client = await connect();
  server.forget();
  assert.match(await say(client, "echo"), /^Error: .* has ended its session with the adapter, and did nothing/);
  await until(() => upstream.state === "up" && upstream.restarts === 1, "there is another");
  assert.equal(await say(client, "echo", { text: "again" }), "again");
  assert.equal(server.count("DELETE"), 0);
});

test("http: a server that says 400 with an error of no request, not 404, is connected to again as well", async (t) => {
  let knows = true;
  const { connect, isUp, upstream } = await adapterBefore(t, {
    sessions: true,
    takes: ({ message, response }) => {
      if (message.method === "initialize") knows = true;
      if (knows || message.method === undefined) return false;
      const error = { jsonrpc: "2.0", error: { code: -32000, message: "No valid session" }, id: null };
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(error));
      return true;
    },
  });
  await isUp();
  knows = false;
  await until(() => upstream.state === "up" && upstream.restarts === 1, "there is another session");
  assert.equal(await say(await connect(), "echo", { text: "again" }), "again");
});

for (const [what, break_] of [
  ["breaks off", "destroy"],
  ["ends", "end"],
] as const)
  test(`http: a stream that ${what} before the answer ends its call and no other, and nothing is sent twice`, async (t) => {
    const { server, connect, isUp, upstream } = await adapterBefore(t, {
      takes: ({ tool, response }) => {
        if (tool !== "odd") return false;
        response.writeHead(200, { "content-type": "text/event-stream" });
        // With an id, which would let the client ask for the rest.
        response.write("id: 1\nretry: 1\ndata:\n\n", () => setTimeout(() => response[break_](), 50));
        return true;
      },
    });
    await isUp();
    const client = await connect();
    const other = say(client, "sleep", { ms: 300, text: "fine" });
    const started = performance.now();
    assert.match(
      await say(client, "odd"),
      break_ === "end"
        ? /^Error: .* ended its answer without a result; .* unknown$/
        : /^Error: .* broke off its answer \(.*\); .* unknown$/,
    );
    assert.ok(performance.now() - started < 2_000);
    assert.equal(await other, "fine");
    await pause(300);
    assert.equal(server.count("POST tools/call"), 2);
    assert.equal(upstream.restarts, 0);
    assert.ok(server.requests.every(({ headers }) => headerOf(headers, "last-event-id") === undefined));
  });

test("http: a connection that breaks before any answer ends its call", async (t) => {
  const { server, connect, isUp, upstream } = await adapterBefore(t, {
    takes: ({ tool, request }) => tool === "odd" && Boolean(request.socket.destroy()),
  });
  await isUp();
  const client = await connect();
  assert.match(await say(client, "odd"), /^Error: .* broke the connection \(ECONNRESET\); .* unknown$/);
  assert.equal(server.count("POST tools/call"), 1);
  assert.equal(upstream.restarts, 0);
});

test("http: a server without sessions that is another one after a call broke off is listed anew", async (t) => {
  const { server, connect, isUp, upstream } = await adapterBefore(
    t,
    { takes: ({ tool, request }) => tool === "odd" && Boolean(request.socket.destroy()) },
    { upstream: { pingEverySeconds: 60 } },
  );
  await isUp();
  server.tools = ["echo", "other"];
  await say(await connect(), "odd");
  await until(() => upstream.catalogue.names.has("other"), "it is listed");
});

test("http: JSON, a list of messages, and a stream that stays open are answers", async (t) => {
  const { connect, isUp } = await adapterBefore(t, {
    takes: ({ tool, args, message, response }) => {
      if (tool !== "odd") return false;
      const answer = { jsonrpc: "2.0", id: message.id, result: { content: [{ type: "text", text: args.as }] } };
      if (args.as === "open") {
        response.writeHead(200, { "content-type": "text/event-stream" }).write(event(answer));
        return true;
      }
      const log = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } };
      response
        .writeHead(200, { "content-type": "Application/JSON; charset=utf-8" })
        .end(JSON.stringify(args.as === "list" ? [log, answer] : answer));
      return true;
    },
  });
  await isUp();
  const client = await connect();
  for (const as of ["json", "list", "open"]) assert.equal(await say(client, "odd", { as }), as);
});

for (const [what, headers, body] of [
  ["a page", { "content-type": "text/html" }, "<h1>"],
  ["nothing", {}, ""],
  ["compressed JSON", { "content-type": "application/json", "content-encoding": "gzip" }, "x"],
] as const)
  test(`http: ${what} in place of an answer is an error of its call`, async (t) => {
    const { connect, isUp, upstream } = await adapterBefore(t, {
      takes: ({ tool, response }) => tool === "odd" && Boolean(response.writeHead(200, headers).end(body)),
    });
    await isUp();
    assert.match(await say(await connect(), "odd"), /answered neither with JSON nor with events; .* unknown$/);
    assert.equal(upstream.restarts, 0);
  });

test("http: what is no JSON in place of an answer is an error of its call", async (t) => {
  const { connect, isUp } = await adapterBefore(t, {
    takes: ({ tool, response }) =>
      tool === "odd" && Boolean(response.writeHead(200, { "content-type": "application/json" }).end("{")),
  });
  await isUp();
  assert.match(await say(await connect(), "odd"), /its answer was thrown away: the body is not JSON/);
});

test("http: 200 MB that are sent without an end are not read to one", async (t) => {
  let sent = 0;
  const chunk = Buffer.alloc(65_536, "x");
  const { connect, isUp } = await adapterBefore(t, {
    takes: ({ tool, args, response }) => {
      if (tool !== "odd") return false;
      response.writeHead(200, { "content-type": String(args.type) });
      if (args.type === "text/event-stream") response.write("data: ");
      const more = () => {
        while (!response.destroyed && sent < 200e6) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
      };
      more();
      return true;
    },
  });
  await isUp();
  const client = await connect();
  for (const type of ["application/json", "text/event-stream"]) {
    sent = 0;
    assert.match(await say(client, "odd", { type }), /thrown away: it has more than 1048576 bytes/);
    assert.ok(sent < 50e6, `${sent} bytes were sent`);
  }
});

test("http: of many large answers at once some are thrown away, and the next is read", async (t) => {
  const waiting: (() => void)[] = [];
  const { connect, isUp } = await adapterBefore(t, {
    takes: ({ tool, message, response }) => {
      if (tool !== "odd") return false;
      const result = { content: [{ type: "text", text: "x".repeat(900_000) }] };
      const whole = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
      response.writeHead(200, { "content-type": "application/json" }).write(whole.slice(0, -1));
      waiting.push(() => response.end("}"));
      return true;
    },
  });
  await isUp();
  const client = await connect();
  let answered = 0;
  const answers = Array.from({ length: 8 }, () => say(client, "odd").finally(() => (answered += 1)));
  await until(() => answered === 4 && waiting.length === 8, "what found no room is answered");
  for (const end of waiting) end();
  const texts = await Promise.all(answers);
  assert.equal(texts.filter((text) => text.length === 900_000).length, 4);
  assert.equal(texts.filter((text) => /thrown away: there were too many large ones at once/.test(text)).length, 4);
  const next = say(client, "odd");
  await until(() => waiting.length === 9, "it is asked");
  waiting[8]!();
  assert.equal((await next).length, 900_000);
});

test("http: headers without an end are refused", async (t) => {
  const { connect, isUp } = await adapterBefore(t, {
    takes: ({ tool, request }) =>
      tool === "odd" && request.socket.write(`HTTP/1.1 200 OK\r\n${`x-a: ${"y".repeat(1_000)}\r\n`.repeat(2_000)}`),
  });
  await isUp();
  assert.match(await say(await connect(), "odd"), /broke the connection \(HPE_HEADER_OVERFLOW\)/);
});

test("http: without a stream for announcements the tools are listed now and then", async (t) => {
  const { server, isUp, upstream } = await adapterBefore(t, {
    remote: { relistMs: 100 },
    takes: ({ request, response }) => request.method === "GET" && Boolean(response.writeHead(405).end()),
  });
  await isUp();
  server.tools = ["echo", "other"];
  await until(() => upstream.catalogue.names.has("other"), "it is listed");
});

test("http: a stream for announcements that ends is opened again, and the tools are listed", async (t) => {
  const { server, isUp, upstream } = await adapterBefore(t, {});
  await isUp();
  await until(() => server.streams.size === 1, "it listens");
  server.tools = ["echo", "other"];
  for (const stream of server.streams) stream.end();
  await until(() => upstream.catalogue.names.has("other"), "it is listed");
  assert.equal(upstream.restarts, 0);
});

test("sse: a stream that ends is connected to again, and a running call has an unknown outcome", async (t) => {
  const { server, connect, isUp, upstream } = await adapterBefore(t, { transport: "sse" });
  await isUp();
  const client = await connect();
  const sleeping = say(client, "sleep", { ms: 60_000 });
  await until(() => upstream.requests.running === 1, "the call runs");
  for (const stream of server.streams) stream.end();
  assert.match(await sleeping, /went away during this request \(its stream of events ended\); .* unknown$/);
  await until(() => upstream.state === "up" && upstream.restarts === 1, "it is back");
  assert.equal(await say(client, "echo", { text: "again" }), "again");
});

for (const endpoint of ["http://127.0.0.1:1/messages", "//evil.example/messages", "http://", "data:,x"])
  test(`sse: nothing is sent to the endpoint ${endpoint}`, async (t) => {
    const { server, upstream } = await adapterBefore(t, {
      transport: "sse",
      takes: ({ request, response }) => {
        if (request.method !== "GET") return false;
        response
          .writeHead(200, { "content-type": "text/event-stream" })
          .write(`event: endpoint\ndata: ${endpoint}\n\n`);
        return true;
      },
    });
    await until(() => upstream.state === "away", "it is away");
    assert.match(upstream.health().more.reason as string, /names no endpoint of its own origin/);
    assert.ok(server.requests.every(({ what }) => what === "GET"));
  });

test("sse: an endpoint that is named later changes nothing", async (t) => {
  const { server, connect, isUp } = await adapterBefore(t, { transport: "sse" });
  await isUp();
  for (const stream of server.streams) stream.write("event: endpoint\ndata: http://127.0.0.1:1/\n\n");
  assert.equal(await say(await connect(), "echo", { text: "fine" }), "fine");
});

for (const [what, url] of [
  ["a loopback address", "http://127.0.0.1:1/mcp"],
  ["a loopback address", "http://localhost:1/mcp"],
  ["a loopback address", "http://2130706433:1/mcp"],
  ["a loopback address", "http://0x7f.1:1/mcp"],
  ["a loopback address", "http://[::ffff:127.0.0.1]:1/mcp"],
  ["a link-local or metadata address", "http://169.254.169.254/latest"],
  ["a link-local or metadata address", "http://[::ffff:a9fe:a9fe]/latest"],
  ["a public address", "http://8.8.8.8/mcp"],
] as const)
  test(`nothing is sent to ${url}`, async (t) => {
    const { upstream } = await adapterBefore(t, { remote: { url: new URL(url), reach: { isPublic: false } } });
    await until(() => upstream.state === "away", "it is away");
    assert.equal(upstream.health().more.reason, `it cannot be reached: it leads to ${what}, which is refused`);
  });
