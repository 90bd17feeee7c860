import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { readReference, tagsOf } from "./image-tags.ts";

for (const [image, registry, repository, tag] of [
  ["crystaldba/postgres-mcp:0.3.0", "https://registry-1.docker.io", "crystaldba/postgres-mcp", "0.3.0"],
  ["redis", "https://registry-1.docker.io", "library/redis", "latest"],
  ["ghcr.io/github/github-mcp-server:v1.9.0", "https://ghcr.io", "github/github-mcp-server", "v1.9.0"],
  ["images.lan:5000/mcp:2", "https://images.lan:5000", "mcp", "2"],
  ["localhost:5000/mcp", "http://localhost:5000", "mcp", "latest"],
  ["ghcr.io/a/b:1.2@sha256:0123", "https://ghcr.io", "a/b", "1.2"],
  ["ghcr.io/a/b@sha256:0123", "https://ghcr.io", "a/b", undefined],
] as const)
  test(`a reference is read as Docker reads it: ${image}`, () => {
    assert.deepEqual(readReference(image), { registry, repository, tag });
  });

/** Tags that a registry gives that answers so. */
async function tagsFrom(
  answer: (path: string, authorization: string | undefined, own: string) => [number, object, Record<string, string>?],
) {
  const registry = http.createServer((request, response) => {
    const own = `http://${request.headers.host}`;
    const [status, body, headers = {}] = answer(request.url!, request.headers.authorization, own);
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
  await once(registry.listen(0, "127.0.0.1"), "listening");
  try {
    const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    return await tagsOf({ registry: url, repository: "a/b" });
  } finally {
    registry.closeAllConnections();
    registry.close();
  }
}

test("a registry gives anybody a token for what is public, and its tags page by page", async () => {
  const asked: string[] = [];
  const tags = await tagsFrom((path, authorization, own) => {
    asked.push(path);
    if (path.startsWith("/token")) return [200, { token: "t" }];
    const realm = `Bearer realm="${own}/token",service="images",scope="repository:a/b:pull"`;
    if (authorization !== "Bearer t") return [401, {}, { "www-authenticate": realm }];
    if (path.includes("last=1.0")) return [200, { tags: ["2.0"] }];
    return [200, { tags: ["1.0"] }, { link: '</v2/a/b/tags/list?last=1.0&n=1000>; rel="next"' }];
  });
  assert.deepEqual(tags, ["1.0", "2.0"]);
  assert.ok(asked.includes("/token?service=images&scope=repository%3Aa%2Fb%3Apull"), asked.join("\n"));
});

for (const [what, status, headers, message] of [
  ["has no such image", 404, {}, /answers HTTP 404 for a\/b$/],
  ["asks for a password", 401, { "www-authenticate": 'Basic realm="x"' }, /asks for a login$/],
] as const)
  test(`it is said when a registry ${what}`, () =>
    assert.rejects(
      tagsFrom(() => [status, {}, headers]),
      message,
    ));

test("it is said when a registry gives no token", () =>
  assert.rejects(
    tagsFrom((path, _authorization, own) =>
      path.startsWith("/token") ? [403, {}] : [401, {}, { "www-authenticate": `Bearer realm="${own}/token"` }],
    ),
    /asks for a login \(HTTP 403 for a token\)$/,
  ));

test("it is said when no registry answers", () =>
  assert.rejects(
    tagsOf({ registry: "http://127.0.0.1:1", repository: "a/b" }),
    /^Error: http:\/\/127\.0\.0\.1:1 does not answer: /,
  ));
