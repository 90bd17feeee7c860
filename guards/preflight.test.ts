import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { freePort } from "../tests/free-port.ts";
import { testSettings } from "../tests/settings.ts";
import { preflight } from "./preflight.ts";

const own = { id: undefined, keptFor: "0123" };
const CREATED = "2026-03-04T05:06:07Z";
const secret = (name: string) => pulumi.output(`value of ${name}`);

interface Host {
  readonly containers?: readonly Record<string, unknown>[];
  readonly networks?: readonly Record<string, unknown>[];
  readonly pools?: readonly Record<string, unknown>[];
}

/** A daemon that has these things; resolves to its `docker.host`. */
async function daemon(t: TestContext, { containers = [], networks = [], pools = [] }: Host): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "daemon-"));
  const answers: Record<string, unknown> = {
    "/version": { Version: "28.2.2" },
    "/info": { DefaultAddressPools: pools, Name: hostname(), DockerRootDir: "/srv/docker" },
    "/networks": networks,
    "/volumes": { Volumes: [] },
    "/containers/json": containers,
  };
  for (const { Id, Names, State, NetworkSettings } of containers)
    answers[`/containers/${String(Id)}/json`] = {
      ...{ Name: (Names as string[])[0], State: { Status: State }, Config: { Labels: {} }, NetworkSettings },
    };
  const server = http.createServer((request, response) => {
    const answer = answers[new URL(request.url!, "http://docker").pathname];
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(answer ?? {}));
  });
  const socket = path.join(folder, "docker.sock");
  await once(server.listen(socket), "listening");
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return `unix://${socket}`;
}

const container = (name: string, more: Record<string, unknown> = {}) => ({
  ...{ Id: `id-of-${name}`, Names: [`/${name}`], Image: "some:1", State: "running", Labels: {}, Ports: [] },
  ...{ Created: Date.parse(CREATED) / 1000, NetworkSettings: { Networks: {} } },
  ...more,
});
const network = (Name: string, more: Record<string, unknown> = {}) => ({
  ...{ Name, Driver: "bridge", Scope: "local", Internal: false, Labels: {}, Options: {}, Created: CREATED },
  ...more,
});
const compose = (service: string) => ({
  "com.docker.compose.project": "ai",
  "com.docker.compose.service": service,
});

/** A host on which somebody has tried before, and has a Postgres. */
const IN_USE: Host = {
  containers: [
    container("litellm", { State: "exited", Labels: compose("litellm") }),
    container("mcp-postgres", { Labels: compose("mcp-postgres") }),
    container("postgres", { NetworkSettings: { Networks: { "postgres-net": { IPAddress: "172.18.0.2" } } } }),
    container("something-else"),
  ],
  networks: [network("litellm-mcp-net"), network("postgres-net"), network("bridge")],
};

/** Ports that are free, whatever else runs on this machine. */
const ports = async () => ({ gateway: { port: await freePort(), adminPort: await freePort() } });

async function problemsOf(t: TestContext, host: Host, config: Record<string, unknown>): Promise<string[]> {
  const settings = testSettings(
    { ...(await ports()), docker: { host: await daemon(t, host) }, lan: { address: "127.0.0.1" }, ...config },
    ["postgresAdminPassword"],
  );
  try {
    await preflight(settings, own, secret);
    return [];
  } catch (error) {
    const [title, ...lines] = (error as Error).message.split("\n  - ");
    assert.equal(title, "the host is not ready, nothing was changed:");
    return lines;
  }
}

test("everything that is in the way on a host in use is said at once", async (t) => {
  const dedicated = { kind: "dedicated", port: await freePort() };
  assert.deepEqual(await problemsOf(t, IN_USE, { postgres: dedicated }), [
    "container litellm was not made by this program (image some:1, compose project ai, service litellm, exited, since 2026-03-04). Either remove it: docker compose -p ai down, which takes away all of that project, or docker rm -f litellm, or write another litellm-mcp:namePrefix",
    "container mcp-postgres was not made by this program (image some:1, compose project ai, service mcp-postgres, running, since 2026-03-04). Either remove it: docker compose -p ai down, which takes away all of that project, or docker rm -f mcp-postgres, or write another litellm-mcp:namePrefix",
    "container postgres was not made by this program (image some:1, running, since 2026-03-04). Either use it as it is: litellm-mcp:postgres: { kind: existing, network: postgres-net, host: postgres }; or remove it: docker rm -f postgres, or write another litellm-mcp:namePrefix",
    "network litellm-mcp-net was not made by this program (since 2026-03-04). Either use it as it is: litellm-mcp:existingNetworks.mcp: litellm-mcp-net; or remove it: docker network rm litellm-mcp-net, or write another litellm-mcp:namePrefix",
    "network postgres-net was not made by this program (containers on it: postgres, since 2026-03-04). Either use it as it is: litellm-mcp:existingNetworks.postgres: postgres-net, or, for a Postgres that is a container on it, litellm-mcp:postgres: { kind: existing, network: postgres-net, host: ITS-NAME }; or remove it: docker network rm postgres-net, once no container is on it, or write another litellm-mcp:namePrefix",
  ]);
});

test("an address that is not the host's is refused, whoever answers there", async (t) => {
  const config = { postgres: { kind: "dedicated", port: await freePort() }, lan: { address: "192.168.251.77" } };
  const [problem, ...others] = await problemsOf(t, {}, config);
  assert.match(problem!, /^192\.168\.251\.77 is no address of the host, which has .*litellm-mcp:lan\.address$/);
  assert.deepEqual(others, []);
});

test("a host whose Docker has no addresses left for the networks is told so before anything is made", async (t) => {
  const dedicated = { kind: "dedicated", port: await freePort() };
  const config = { postgres: dedicated, namePrefix: "gw-" };
  const [problem, ...others] = await problemsOf(t, { pools: [{ Base: "10.0.0.0/24", Size: 26 }] }, config);
  assert.match(problem!, /^Docker has addresses for 4 more networks, and the stack makes \d \(gw-/);
  assert.deepEqual(others, []);
});

test("with the settings for the networks, what is left are containers, and a name that leads to nobody", async (t) => {
  const config = {
    existingNetworks: { mcp: "litellm-mcp-net" },
    postgres: { kind: "existing", network: "postgres-net", host: "pg" },
  };
  const found = await problemsOf(t, IN_USE, config);
  assert.deepEqual(
    found.map((line) => line.split(" ").slice(0, 2).join(" ")),
    ["container litellm", "container mcp-postgres", "litellm-mcp:postgres.host: no"],
  );
  assert.match(found[2]!, /no container on network postgres-net has the name or alias pg; there are: postgres\./);
});

test("that a network is missing is said once, and not again for Postgres on it", async (t) => {
  const postgres = { kind: "existing", network: "data-net", host: "pg" };
  assert.deepEqual(await problemsOf(t, { networks: IN_USE.networks! }, { postgres, namePrefix: "lab-" }), [
    "litellm-mcp:postgres.network: there is no network data-net on the host; there are litellm-mcp-net, postgres-net. Write the one on which the container of Postgres is",
  ]);
});

test("nothing that is in the way of an up is in the way of a destroy", async (t) => {
  const settings = testSettings({ docker: { host: await daemon(t, IN_USE) }, lan: { address: "127.0.0.1" } });
  assert.deepEqual((await preflight(settings, own, secret, { isEnding: true })).settings, settings);
});

test("where Docker keeps the logs of containers only its daemon knows", async (t) => {
  const settings = testSettings({
    ...(await ports()),
    docker: { host: await daemon(t, {}) },
    lan: { address: "127.0.0.1" },
    postgres: { kind: "dedicated", port: await freePort() },
    monitoring: { port: await freePort(), logs: { port: await freePort() } },
  });
  const { monitoring } = (await preflight(settings, own, secret)).settings;
  assert.equal(monitoring?.logs?.dockerRoot, "/srv/docker");
});

test("what the networks lack is a warning", async (t) => {
  const settings = testSettings({
    ...(await ports()),
    docker: { host: await daemon(t, { networks: IN_USE.networks! }) },
    lan: { address: "127.0.0.1" },
    postgres: { kind: "dedicated", port: await freePort() },
    existingNetworks: { mcp: "litellm-mcp-net", postgres: "postgres-net" },
  });
  const ready = await preflight(settings, own, secret);
  assert.deepEqual(
    ready.warnings.map((warning) => warning.split(":")[0]),
    ["Network litellm-mcp-net is not internal", "Network postgres-net is not internal"],
  );
  assert.deepEqual(ready.settings, settings);
});
