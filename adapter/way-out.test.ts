import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import { networkInterfaces } from "node:os";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { adapterFor, say } from "./testing.ts";
import { WayOut } from "./way-out.ts";

/** An address of this machine that is no loopback: only such can be named. */
const own = Object.values(networkInterfaces())
  .flat()
  .find((each) => each && !each.internal && each.family === "IPv4")?.address;
const skip = own === undefined && "this machine has no address but loopback";

async function pageFor(t: TestContext) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    if (request.url === "/away") response.writeHead(302, { location: "http://10.255.255.1/" }).end();
    else response.end("a page of the LAN");
  });
  await once(server.listen(0, own), "listening");
  t.after(() => server.close());
  return { address: `${own}:${(server.address() as AddressInfo).port}`, asked };
}

async function wayOutFor(t: TestContext, ...lanAddresses: string[]) {
  const wayOut = new WayOut({ name: "fetch", lanAddresses });
  const env = await wayOut.open();
  t.after(() => wayOut.close());
  const { port } = new URL(env.HTTP_PROXY!);
  const ask = (method: string, path: string) => request({ host: "127.0.0.1", port, method, path });
  return {
    wayOut,
    /** As a client of HTTP asks a proxy for a page. */
    get: async (url: string) => {
      const [response] = (await once(ask("GET", url).end(), "response")) as [IncomingMessage];
      return { status: response.statusCode, body: await text(response) };
    },
    /** As it asks for a tunnel, for https. */
    connect: async (target: string) => {
      const asked = ask("CONNECT", target).end();
      const [response, socket] = (await Promise.race([once(asked, "connect"), once(asked, "response")])) as [
        IncomingMessage,
        { destroy?: () => void }?,
      ];
      socket?.destroy?.();
      return response.statusCode;
    },
  };
}

test("what is named is reached, over http and by a tunnel", { skip }, async (t) => {
  const { address, asked } = await pageFor(t);
  const { get, connect } = await wayOutFor(t, address);
  assert.deepEqual(await get(`http://${address}/x?y=1`), { status: 200, body: "a page of the LAN" });
  assert.equal(await connect(address), 200);
  assert.deepEqual(asked, ["/x?y=1"]);
});

test("what is not named hears nothing, in whatever notation", { skip }, async (t) => {
  const { address, asked } = await pageFor(t);
  const [, port] = address.split(":");
  const { get, connect } = await wayOutFor(t, `${own}:1`, "10.0.0.0/8");
  const number = own!.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  for (const host of [own!, String(number), `[::ffff:${own}]`, "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "127.1"]) {
    assert.equal((await get(`http://${host}:${port}/`)).status, 502, host);
    assert.equal(await connect(`${host}:${port}`), 502, host);
  }
  assert.equal((await get("http://10.0.0.1:2375/")).status, 502);
  assert.equal((await get("http://169.254.169.254/")).status, 502);
  assert.equal((await get("http://no-such-host.invalid/")).body, "the name no-such-host.invalid is not known");
  assert.deepEqual(asked, []);
});

test("what was refused is known for a while, to whoever names its host", async (t) => {
  const { wayOut, get } = await wayOutFor(t);
  const began = performance.now();
  const { body } = await get("http://10.9.8.7:8080/");
  assert.equal(
    body,
    "10.9.8.7 is a private address, and was not asked for anything. Whoever runs the gateway can allow it: 10.9.8.7:8080 under litellm-mcp:servers.fetch.lanAddresses in Pulumi.<stack>.yaml, then npm run up.",
  );
  assert.deepEqual(wayOut.refusedSince(began, '{"url":"http://10.9.8.7:8080/"}'), [body]);
  assert.deepEqual(wayOut.refusedSince(began, '{"url":"http://10.9.8.6/"}'), []);
  assert.deepEqual(wayOut.refusedSince(performance.now(), "10.9.8.7"), []);
  assert.match(
    (await get("http://localhost/")).body,
    /^localhost leads to (127\.0\.0\.1|::1), which is a loopback address/,
  );
});

test("a call that failed says what was not reached, and one that did not is as it was", async (t) => {
  const refusedSince = (_since: number, about: string) => (about.includes("10.9.8.7") ? ["it is not named"] : []);
  const { connect, isUp } = await adapterFor(t, { sessions: { refusedSince } });
  await isUp();
  const client = await connect();
  const reply = { content: [{ type: "text", text: "no connection. " }], isError: true };
  assert.equal(await say(client, "reply", { reply, url: "http://10.9.8.7/" }), "no connection. it is not named");
  assert.equal(await say(client, "reply", { reply, url: "http://10.9.8.6/" }), "no connection. ");
  // Of a redirect, only the server's own text names where it led.
  const redirected = { content: [{ type: "text", text: "http://10.9.8.7/ failed. " }], isError: true };
  assert.equal(await say(client, "reply", { reply: redirected }), "http://10.9.8.7/ failed. it is not named");
  assert.equal(
    await say(client, "reply", { reply: { ...reply, isError: false }, url: "http://10.9.8.7/" }),
    "no connection. ",
  );
});
