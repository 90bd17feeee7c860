import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test, type TestContext } from "node:test";
import { freePort } from "../tests/free-port.ts";
import { offersSsl } from "./postgres-ssl.ts";

/** A server that answers a request for encryption in one way. */
async function answering(t: TestContext, answer: string | Buffer): Promise<number> {
  const server = net.createServer((socket) => {
    socket.once("data", (chunk) => {
      assert.deepEqual([...chunk], [0, 0, 0, 8, 4, 210, 22, 47]);
      socket.end(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

test("a server says whether it offers encryption", async (t) => {
  assert.equal(await offersSsl("127.0.0.1", await answering(t, "S")), true);
  assert.equal(await offersSsl("127.0.0.1", await answering(t, "N")), false);
});

test("the words of the tunnel are the error", async (t) => {
  const fields = Buffer.from("SFATAL\0C08001\0Mno way to Postgres at x: refused\0\0");
  const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
  await assert.rejects(offersSsl("127.0.0.1", await answering(t, Buffer.concat([head, fields]))), {
    message: "no way to Postgres at x: refused",
  });
});

test("another program is not taken for a Postgres server, nor is nobody", async (t) => {
  await assert.rejects(offersSsl("127.0.0.1", await answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n")), {
    message: "what listens there is no Postgres server",
  });
  await assert.rejects(offersSsl("127.0.0.1", await freePort()), /ECONNREFUSED/);
});
