import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { SCHEMA_FILES, serverJsonSchema, stackJsonSchema } from "./json-schema.ts";

const read = (file: string) => readFileSync(file, "utf8");
const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
const checkServer = ajv.compile(serverJsonSchema());
const checkStack = ajv.compile(stackJsonSchema());

test("the schemas in the repository are those of the settings", () => {
  assert.deepEqual(
    JSON.parse(read(SCHEMA_FILES.server)),
    JSON.parse(JSON.stringify(serverJsonSchema())),
    "run npm run schemas",
  );
  assert.deepEqual(
    JSON.parse(read(SCHEMA_FILES.stack)),
    JSON.parse(JSON.stringify(stackJsonSchema())),
    "run npm run schemas",
  );
});

const serverFiles = readdirSync("mcp")
  .filter((name) => !name.startsWith("_"))
  .map((name) => `mcp/${name}/server.yaml`);
const stackFiles = readdirSync(".").filter((name) => /^Pulumi\..+\.yaml(\.example)?$/.test(name));

for (const [files, schema, check] of [
  [serverFiles, SCHEMA_FILES.server, checkServer],
  [stackFiles, SCHEMA_FILES.stack, checkStack],
] as const) {
  test(`every file names ${schema}, and passes`, () => {
    assert.ok(files.length > 1);
    for (const file of files) {
      const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(read(file))?.[1];
      assert.equal(named && path.join(path.dirname(file), named), schema, file);
      check(parse(read(file)));
      assert.deepEqual(check.errors ?? [], [], file);
    }
  });
}

const server = {
  description: "x",
  source: { npm: "x", version: "1.0.0", command: ["x"] },
  transport: { kind: "stdio" },
};
const stack = { "litellm-mcp:docker": { host: "unix:///d.sock" }, "litellm-mcp:lan": { address: "127.0.0.1" } };

for (const [title, mistake] of [
  ["unknown key", { ...server, trasnport: {} }],
  ["two sources", { ...server, source: { ...server.source, pypi: "x" } }],
  ["package without version", { ...server, source: { npm: "x", command: ["x"] } }],
  ["unknown transport", { ...server, transport: { kind: "websocket" } }],
  ["SDK that is none", { ...server, transport: { kind: "http", port: 8000, sdk: "rust" } }],
  ["address of another scheme", { ...server, source: { url: "https://192.168.1.20/sse" } }],
  ["package and address", { ...server, source: { ...server.source, url: "http://192.168.1.20/sse" } }],
  ["program without a command", { ...server, source: { program: "python" } }],
  ["program in another language", { ...server, source: { program: "ruby", command: ["ruby", "server.rb"] } }],
  ["another adapter", { ...server, adapter: "mine" }],
  ["header's name with a blank", { ...server, headers: { "X Key": "key" } }],
  ["login without a password", { ...server, basicLogin: { user: "me" } }],
  ["variable that is a number", { ...server, env: { DEPTH: 5 } }],
  ["no description", { ...server, description: undefined }],
] as const)
  test(`server.yaml, refused: ${title}`, () => {
    assert.ok(checkServer(server));
    assert.ok(!checkServer(JSON.parse(JSON.stringify(mistake))));
  });

for (const [title, changes] of [
  ["unknown key", { "litellm-mcp:gatewayy": {} }],
  ["docker over tcp", { "litellm-mcp:docker": { host: "tcp://10.0.0.1:2375" } }],
  ["unknown kind of Postgres", { "litellm-mcp:postgres": { kind: "cloud" } }],
  ["secret in plain text", { "litellm-mcp:secrets": { openaiKey: "sk-1" } }],
  ["port of another range", { "litellm-mcp:servers": { time: { debugPort: 8001 } } }],
] as const)
  test(`stack file, refused: ${title}`, () => {
    assert.ok(!checkStack({ config: { ...stack, ...changes } }));
  });

test("what the program accepts, an editor accepts", () => {
  const good = {
    ...stack,
    "pulumi:disable-default-providers": ["docker"],
    "litellm-mcp:postgres": { port: 5433 },
    "litellm-mcp:clients": { "test-key": null, phone: { servers: ["time"] } },
    "litellm-mcp:secrets": { openaiKey: { secure: "v1:…" } },
  };
  assert.ok(checkStack({ encryptionsalt: "v1:…", config: good }), JSON.stringify(checkStack.errors));
});

test("every key says what it is", () => {
  const { properties } = serverJsonSchema();
  for (const [key, value] of Object.entries(properties ?? {}).filter(([key]) => !["transport", "limits"].includes(key)))
    assert.ok((value as { description?: string }).description, key);
});
