import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseYaml, houseYaml, inStack, load, refused } from "../../tests/small-stack.ts";

refused([
  inStack(
    "two servers on one port",
    { servers: { git: { debugPort: 48001 }, time: { debugPort: 48001 } } },
    "servers.time.debugPort",
    "48001",
    "another port: litellm-mcp:servers.git.debugPort has this one",
  ),
  inStack(
    "LiteLLM's own port on the gateway's",
    { gateway: { port: 4010, adminPort: 4010 } },
    "gateway.adminPort",
    "4010",
    "another port: litellm-mcp:gateway.port has this one",
  ),
  inStack(
    "LiteLLM's own port, left out, on Postgres's",
    { gateway: { port: 5431 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.adminPort has this one",
  ),
  inStack(
    "no port left for LiteLLM itself",
    { gateway: { port: 65535 } },
    "gateway.adminPort",
    "nothing",
    "a port, 1 to 65535: gateway.port + 1 is none",
  ),
  inStack(
    "gateway on Postgres's port",
    { gateway: { port: 5432 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.port has this one",
  ),
]);

test("a debug port leads to the server's adapter, or to the image where it has none", () => {
  const debugPorts = { postgres: { debugPort: 48000 }, time: { debugPort: 48001 }, house: { debugPort: 48002 } };
  const containersOf = (files: Record<string, string>, servers: Record<string, object> = debugPorts) =>
    Object.fromEntries(
      load({ files: { ...houseYaml({}), ...files }, config: { servers } })
        .publishedPorts.filter(({ port }) => port >= 48000)
        .map(({ port, container }) => [port, container]),
    );
  assert.deepEqual(containersOf({}), {
    48000: "mcp-postgres-adapter",
    48001: "mcp-time",
    48002: "mcp-house",
  });
  assert.equal(containersOf(databaseYaml({ adapter: "none" }))[48000], "mcp-postgres");
  const off = { ...debugPorts, postgres: { debugPort: 48000, enabled: false } };
  assert.deepEqual(Object.keys(containersOf({}, off)), ["48001", "48002"]);
});
