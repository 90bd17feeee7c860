import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";

const script = path.join(import.meta.dirname, "healthcheck.mjs");

for (const [what, status, body, healthy] of [
  ["all is well", 200, { ingress: "ok", litellm: "ok" }, true],
  ["LiteLLM is away, which is not this container's fault", 503, { ingress: "ok", litellm: "away" }, true],
  ["another program has the port", 200, { status: "ok" }, false],
  ["the answer is no JSON", 200, undefined, false],
] as const)
  test(`${healthy ? "healthy" : "unhealthy"}: ${what}`, async () => {
    const server = http.createServer((_, response) => response.writeHead(status).end(JSON.stringify(body) ?? "<html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
    const exitCode = await new Promise((resolve) =>
      execFile(process.execPath, [script, url], (error) => resolve(error?.code ?? 0)),
    );
    server.close();
    assert.equal(exitCode, healthy ? 0 : 1);
  });

test("unhealthy: nobody answers", async () => {
  const exitCode = await new Promise((resolve) =>
    execFile(process.execPath, [script, "http://127.0.0.1:9/health"], (error) => resolve(error?.code ?? 0)),
  );
  assert.equal(exitCode, 1);
});
