import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import { SettingsError } from "../../settings/problems.ts";
import { readServerFolders } from "../../settings/server-folders.ts";
import { readStackOfServers, serverOfStack } from "./stack-servers.ts";

const root = mkdtempSync(path.join(tmpdir(), "stack-servers-"));
after(() => rmSync(root, { recursive: true }));

const shop = {
  description: "A shop",
  enabled: false,
  source: { pypi: "shop", version: "1.0", command: ["shop"] },
  transport: { kind: "stdio" },
  env: { LANGUAGE: "en" },
  secrets: { TOKEN: "shopToken" },
  required: { URL: "its address" },
  egress: true,
  mounts: [{ name: "pictures", target: "/pictures" }],
  check: { tool: "find", expect: "x" },
};

function write(config: Record<string, unknown>, definition: Record<string, unknown> = shop) {
  const folder = path.join(root, "mcp", "shop");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(root, "Pulumi.test.yaml"), stringify({ config }));
  writeFileSync(path.join(folder, "server.yaml"), stringify(definition));
  writeFileSync(path.join(folder, "requirements.txt"), "shop==1.0 \\\n    --hash=sha256:00\n");
  writeFileSync(path.join(folder, "tools.lock.json"), "no JSON");
  const [found] = readServerFolders(path.join(root, "mcp"));
  return serverOfStack(readStackOfServers("test", root), found!);
}

const host = { "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" } };

test("a server that is off, with nothing of what it needs on the stack and a broken tool lock, can be asked", () => {
  const { settings, isEnabled, ownEnv, mountTargets } = write({ ...host, "litellm-mcp:namePrefix": "x-" });
  assert.equal(isEnabled, false);
  assert.equal(settings.container, "x-mcp-shop");
  assert.deepEqual(settings.secrets, { TOKEN: "shopToken" });
  assert.deepEqual(ownEnv, { LANGUAGE: "en" });
  assert.deepEqual(mountTargets, ["/pictures"]);
});

test("what is wrong with the stack's gateway, clients and other servers stops nothing", () => {
  const { settings } = write({
    ...host,
    "litellm-mcp:gateway": { port: "none" },
    "litellm-mcp:clients": 7,
    "litellm-mcp:servers": { nosuch: { bad: 1 }, other: 3, shop: { enabled: true, env: { URL: "http://shop.lan" } } },
  });
  assert.deepEqual(settings.env, { LANGUAGE: "en", URL: "http://shop.lan" });
});

const refused = (at: string) => (error: Error) => {
  assert.ok(error instanceof SettingsError, String(error));
  assert.deepEqual(
    error.problems.map(({ file, path: where }) => `${file} ${where}`),
    [at],
  );
  return true;
};

test("what is wrong with the server itself, or with what the stack says of it, is said", () => {
  assert.throws(() => write(host, { ...shop, egress: "perhaps" }), /mcp\/shop\/server\.yaml: egress/);
  assert.throws(
    () => write({ ...host, "litellm-mcp:servers": { shop: { enabled: "perhaps" } } }),
    refused("Pulumi.test.yaml litellm-mcp:servers.shop.enabled"),
  );
  const source = { ...shop.source, version: "2.0" };
  assert.throws(() => write(host, { ...shop, source }), refused("mcp/shop/requirements.txt shop"));
});

test("without a daemon, or without a file, there is nothing to ask", () => {
  assert.throws(() => write({}), refused("Pulumi.test.yaml litellm-mcp:docker"));
  assert.throws(() => readStackOfServers("nosuch", root), /unknown stack nosuch: there is no Pulumi\.nosuch\.yaml/);
});

test("the network of Postgres is the stack's own, or the one that somebody else made", () => {
  const networkOf = (config: Record<string, unknown>) => {
    writeFileSync(path.join(root, "Pulumi.test.yaml"), stringify({ config: { ...host, ...config } }));
    return readStackOfServers("test", root).postgresNetwork;
  };
  const prefix = { "litellm-mcp:namePrefix": "x-" };
  assert.equal(networkOf(prefix), "x-postgres-net");
  assert.equal(networkOf({ ...prefix, "litellm-mcp:existingNetworks": { postgres: "pg-net" } }), "pg-net");
  const existing = { kind: "existing", network: "data-net", host: "pg" };
  assert.equal(networkOf({ ...prefix, "litellm-mcp:postgres": existing }), "data-net");
});
