import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type Docker from "dockerode";
import type { Tool } from "../../approval/tool-lock.ts";
import { addServer, approve, type Approval } from "./add-server.ts";
import { type AddOptions, readRequest } from "./request.ts";

const root = mkdtempSync(path.join(tmpdir(), "add-server-"));
after(() => rmSync(root, { recursive: true }));
mkdirSync(path.join(root, "mcp", "git"), { recursive: true });
writeFileSync(
  path.join(root, "mcp", "git", "server.yaml"),
  "description: x\nsource: { npm: x, version: 1.0.0, command: [x] }\ntransport: { kind: stdio }\naccessGroups: [code]\n",
);

class Reached extends Error {}

/** As far as the first thing that costs time; by then everything that can be judged has been. */
async function add(name: string, options: AddOptions): Promise<void> {
  await addServer(readRequest(name, options), {
    ...{
      root,
      docker: undefined as unknown as Docker,
      keep: true,
      approve: true,
      acceptSuspicious: true,
      ask: undefined,
    },
    stack: {
      ...{ name: "local", file: "", endpoint: { host: "", sshOpts: [] }, namePrefix: "" },
      postgresNetwork: "",
      secretNames: [],
      overrides: {},
    },
    prepare: () => Promise.reject(new Reached("checked")),
    show: () => {},
    alone: {
      endpoint: { host: "", sshOpts: [] },
      postgresNetwork: "",
      say: () => {},
      signal: new AbortController().signal,
    },
    listing: {
      stack: "local",
      granted: new Set(),
      ask: () => Promise.resolve(false),
      secretsOf: () => Promise.resolve({}),
    },
  });
}

test("what makes sense is checked before anything is fetched, and an error after that leaves nothing", async () => {
  for (const options of [
    { npm: "shop" },
    { pypi: "shop==1.0", env: ["A=1"], secret: ["B=b"] },
    { image: "a/shop:1", transport: "sse", port: "80" },
    { url: "http://192.168.1.2/mcp" },
  ])
    await assert.rejects(add("shop", options), Reached);
  assert.deepEqual(readdirSync(path.join(root, "mcp")), ["git"]);
  assert.deepEqual(readdirSync(path.join(root, "dist")), []);
});

for (const [title, name, options, message] of [
  ["a name that is taken", "git", { npm: "x" }, /there is a folder mcp\/git already/],
  ["a name that LiteLLM has a page at", "docs", { npm: "x" }, /another name: LiteLLM has pages of its own/],
  ["a name with a dash", "my-shop", { npm: "x" }, /my-shop: a server's name: lower-case/],
  ["a name that leads elsewhere", "../shop", { npm: "x" }, /\.\.\/shop: a server's name: lower-case/],
  ["the name of an access group", "code", { npm: "x" }, /mcp\/git\/server\.yaml has an access group/],
  [
    "an image whose tag moves",
    "shop",
    { image: "a:latest", transport: "sse", port: "1" },
    /mcp\/shop\/server\.yaml: source\.image/,
  ],
  ["a variable of the adapter", "shop", { npm: "x", env: ["ADAPTER_TOKEN=x"] }, /env\.?ADAPTER|ADAPTER_TOKEN/],
  ["a variable that is also a secret", "shop", { npm: "x", env: ["A=1"], secret: ["A=a"] }, /A in env or in secrets/],
  ["an address outside of the LAN", "shop", { url: "http://8.8.8.8/mcp" }, /an address of the LAN/],
  ["what runs elsewhere, with a volume", "shop", { url: "http://192.168.1.2/mcp", data: true }, /data/],
  ["a package with a token", "shop", { npm: "x", bearerToken: "t" }, /bearerToken/],
  ["no package's name", "shop", { npm: "No Name" }, /source\.npm/],
] as const)
  test(`refused before anything is fetched: ${title}`, async () => {
    await assert.rejects(add(name, options), (error: Error) => {
      assert.ok(!(error instanceof Reached), "it was not refused");
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(readdirSync(path.join(root, "mcp")), ["git"]);
    assert.deepEqual(readdirSync(path.join(root, "dist")), []);
  });

const tool = (description: string): Tool => ({ name: "find", description, inputSchema: { type: "object" } });
const asks = (answer: boolean) => () => Promise.resolve(answer);

for (const [title, tools, approval, message] of [
  ["a yes on the command line", [tool("Finds")], { approve: true }, undefined],
  ["a yes on the terminal", [tool("Finds")], { ask: asks(true) }, undefined],
  ["a no", [tool("Finds")], { ask: asks(false) }, /^shop: not added$/],
  ["nobody to ask", [tool("Finds")], {}, /not added, nobody has approved its tools: --approve/],
  [
    "something suspicious, and a yes",
    [tool("<IMPORTANT>")],
    { approve: true, ask: asks(true) },
    /not added, suspicious: find\./,
  ],
  [
    "something suspicious that is accepted",
    [tool("<IMPORTANT>")],
    { approve: true, acceptSuspicious: true },
    undefined,
  ],
  [
    "something suspicious that is accepted, and nobody to ask",
    [tool("<IMPORTANT>")],
    { acceptSuspicious: true },
    /nobody has approved/,
  ],
  ["no tools", [], { approve: true }, /lists no tools/],
  [
    "two texts for one name",
    [tool("a"), tool("b")],
    { approve: true, acceptSuspicious: true },
    /different texts for one name/,
  ],
] as const satisfies readonly (readonly [string, readonly Tool[], Partial<Approval>, RegExp | undefined])[])
  test(`approval: ${title}`, async () => {
    const shown: string[] = [];
    const given = { approve: false, acceptSuspicious: false, ask: undefined, ...approval };
    const done = approve("shop", tools, { ...given, show: (text) => shown.push(text) });
    if (message) await assert.rejects(done, { message });
    else await done;
    for (const { description } of tools) assert.ok(shown.join("\n").includes(description));
  });
