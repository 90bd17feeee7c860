import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";

const script = path.join(import.meta.dirname, "ask.mjs");

const ask = (port: number, asked = "/health") =>
  new Promise<{ readonly code: unknown; readonly text: string }>((resolve) =>
    execFile(
      process.execPath,
      [script, asked],
      { env: { ADAPTER_PORT: String(port), ADAPTER_TOKEN: "secret" } },
      (error, text) => resolve({ code: error?.code ?? 0, text }),
    ),
  );

for (const [what, status, code] of [
  ["the server is up", 200, 0],
  ["the server is away", 503, 1],
  ["another program has the port", 302, 1],
] as const)
  test(`${what}: exit code ${code}, and what was answered`, async (t) => {
    const server = createServer(({ url, headers }, response) =>
      response.writeHead(status).end(`said at ${url} to ${headers.authorization}`),
    );
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    assert.deepEqual(await ask(port), { code, text: "said at /health to Bearer secret" });
    assert.equal((await ask(port, "/listed")).text, "said at /listed to Bearer secret");
  });

test("nobody answers: exit code 1", async () => {
  assert.equal((await ask(9)).code, 1);
});
