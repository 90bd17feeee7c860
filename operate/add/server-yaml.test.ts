import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { serverDefinition } from "../../settings/schemas/server-schema.ts";
import { type AddOptions, readRequest } from "./request.ts";
import { type Found, serverYaml } from "./server-yaml.ts";

const written = (options: AddOptions, found: Found) => serverYaml(readRequest("shop", options), found);

test("a package has the keys that it needs, as Prettier writes them", () => {
  const options = { npm: "@example/shop", env: ["LANGUAGE=en"], secret: ["TOKEN=shopToken"], egress: true, data: true };
  assert.equal(
    written(options, { version: "1.10", command: ["shop", "--port", "1, 2"], description: "A shop: tea" }),
    `# yaml-language-server: $schema=../../settings/schemas/server.json
# Reaches the LAN and the internet. It is given TOKEN (secret shopToken).
description: "A shop: tea"
source:
  npm: "@example/shop"
  version: "1.10"
  command: [shop, --port, "1, 2"]
transport: { kind: stdio }
env:
  LANGUAGE: en
secrets:
  TOKEN: shopToken
egress: true
data: true
`,
  );
});

for (const [title, options, found] of [
  ["a package", { pypi: "shop==1.0" }, { command: ["python3", "-c", "a\n# b: 'c'"] }],
  [
    "values that YAML would take for something else",
    { npm: "shop@1.0.0", env: ["A=true", "B=1", "C="] },
    { command: ["x"] },
  ],
  [
    "an image",
    { image: "a/shop:1", transport: "sse", port: "80", path: "/x", command: "--y" },
    { healthcheck: "python" },
  ],
  ["an address", { url: "http://192.168.1.2:80/mcp", bearerToken: "shopToken" }, { transport: "http" }],
] as const)
  test(`what is written is a server.yaml: ${title}`, () => {
    const { success, error, data } = serverDefinition.safeParse(parse(written(options, found)));
    assert.ok(success, error?.message);
    if (data.source.kind === "pypi") assert.deepEqual(data.source.command, found.command);
    if ("bearerToken" in options) assert.equal(data.bearerToken, "shopToken");
    if ("env" in options) assert.deepEqual(data.env, { A: "true", B: "1", C: "" });
  });
