import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, KEY, load, refused } from "../../tests/small-stack.ts";

const ADMIN = ["postgresAdminPassword"];
const onNetwork = (more: Record<string, unknown> = {}) => ({
  kind: "existing",
  network: "postgres-net",
  host: "postgres",
  ...more,
});

refused([
  inStack(
    "tunnel to an address of the LAN",
    { postgres: { kind: "existing", host: "10.0.0.9", tunnelPort: 21000 } },
    "postgres.tunnelPort",
    "21000",
    "leave it out: without postgres.network there is no tunnel",
    { secretNames: ADMIN },
  ),
  inStack(
    "address on a network of Docker",
    { postgres: onNetwork({ host: "172.18.0.2" }) },
    "postgres.host",
    '"172.18.0.2"',
    "the name of its container on postgres-net: addresses there change",
    { secretNames: ADMIN },
  ),
  inStack(
    "name in the certificate behind a tunnel",
    { postgres: onNetwork({ sslmode: "verify-full" }) },
    "postgres.sslmode",
    '"verify-full"',
    "disable, require or verify-ca: with postgres.network, Pulumi reaches it by 127.0.0.1",
    { secretNames: ADMIN },
  ),
  inStack(
    "two networks for Postgres",
    { postgres: onNetwork(), existingNetworks: { postgres: "other-net" } },
    "existingNetworks.postgres",
    '"other-net"',
    "leave it out: litellm-mcp:postgres.network is postgres-net",
    { secretNames: ADMIN },
  ),
  inStack(
    "one network for everything",
    { postgres: onNetwork(), existingNetworks: { mcp: "postgres-net" } },
    "existingNetworks.mcp",
    '"postgres-net"',
    "another network than that of Postgres: every MCP server would reach Postgres",
    { secretNames: ADMIN },
  ),
  inStack(
    "network that cannot be",
    { existingNetworks: { mcp: "my net" } },
    "existingNetworks.mcp",
    '"my net"',
    "a network's name, such as postgres-net",
  ),
  inStack(
    "network that is always made",
    { existingNetworks: { lan: "bridge" } },
    "existingNetworks.lan",
    KEY,
    "one of the keys mcp, postgres",
  ),
]);

const networksOf = (config: Record<string, unknown>) => {
  const { existingNetworks, names } = load({ config: { namePrefix: "lab-", ...config }, secretNames: ADMIN });
  return { existingNetworks, names: [names.networks.mcp, names.networks.postgres, names.networks.egress] };
};

test("networks that are there have the names that they have, without the prefix", () => {
  assert.deepEqual(networksOf({ existingNetworks: { mcp: "mcp-net" } }), {
    existingNetworks: { mcp: "mcp-net" },
    names: ["mcp-net", "lab-postgres-net", "lab-mcp-egress-net"],
  });
  const both = {
    existingNetworks: { postgres: "postgres-net" },
    names: ["lab-litellm-mcp-net", "postgres-net", "lab-mcp-egress-net"],
  };
  assert.deepEqual(networksOf({ existingNetworks: { postgres: "postgres-net" } }), both);
  assert.deepEqual(networksOf({ postgres: onNetwork() }), both);
  assert.deepEqual(networksOf({ postgres: onNetwork(), existingNetworks: { postgres: "postgres-net" } }), both);
});

test("a Postgres on a network is reached by a port of this machine that is always the same", () => {
  const port = (postgres: Record<string, unknown> = {}, host = "unix:///var/run/docker.sock") => {
    const loaded = load({
      config: { docker: { host }, lan: { address: "10.0.0.5" }, postgres: onNetwork(postgres) },
      secretNames: ADMIN,
    }).postgres;
    assert.ok(loaded.kind === "existing");
    assert.equal(loaded.network?.name, "postgres-net");
    return loaded.network.localPort;
  };
  const usual = port();
  assert.ok(usual >= 20_000 && usual < 30_000);
  assert.equal(port(), usual);
  for (const other of [port({ host: "pg" }), port({ port: 5433 }), port({}, "ssh://me@server")])
    assert.notEqual(other, usual);
  assert.equal(port({ tunnelPort: 21000 }), 21000);
});

test("without sslmode it is what the server offers, which is found out later", () => {
  const { postgres } = load({ config: { postgres: onNetwork() }, secretNames: ADMIN });
  assert.ok(postgres.kind === "existing" && "sslmode" in postgres);
  assert.equal(postgres.sslmode, undefined);
});
