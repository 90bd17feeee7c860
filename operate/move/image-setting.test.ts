import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { withImage } from "./image-setting.ts";

const OLD = "ghcr.io/berriai/litellm:v1.77.3-stable";
const NEW = "ghcr.io/berriai/litellm:v1.106.2";

test("one value is another; comments, order and form stay", () => {
  const file = (image: string) => `config:
  # Ours.
  litellm-mcp:gateway: {port: 4000,   image: "${image}"} # the newest
  litellm-mcp:lan: {address: 192.168.1.5}
encryptionsalt: v1:a
`;
  assert.equal(withImage(file(NEW), OLD), file(OLD));
  assert.equal(withImage(file(OLD), OLD), file(OLD));
  const plain = (image: string) => `config:\n  litellm-mcp:gateway:\n    image: ${image} # why\n`;
  for (const quote of ["", "'"]) assert.equal(withImage(plain(quote + NEW + quote), OLD), plain(quote + OLD + quote));
});

test("a file that names none gets it, and the version of another one goes", () => {
  const gateway = (text: string) =>
    (parse(withImage(text, OLD)) as { config: Record<string, unknown> }).config["litellm-mcp:gateway"];
  assert.deepEqual(gateway("config:\n  litellm-mcp:lan: {}\n"), { image: OLD });
  assert.deepEqual(gateway("config:\n  litellm-mcp:gateway: { port: 1 }\n"), { port: 1, image: OLD });
  assert.deepEqual(
    gateway(`config:\n  litellm-mcp:gateway: { image: "mine@sha256:ab", version: "1.106.2", port: 1 }\n`),
    { image: OLD, port: 1 },
  );
});

test("an image that does not say its version is the user's to write", () => {
  const digest = `ghcr.io/berriai/litellm@sha256:${"a".repeat(64)}`;
  const file = (image: string) => `config:\n  litellm-mcp:gateway: { image: "${image}" }\n`;
  assert.throws(() => withImage(file(NEW), digest), /does not say LiteLLM's version: write litellm-mcp:gateway\.image/);
  assert.equal(withImage(file(digest), digest), file(digest));
});
