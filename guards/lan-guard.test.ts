import assert from "node:assert/strict";
import { test } from "node:test";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { mockEngine, valueOf } from "../tests/mocks.ts";
import { testSettings } from "../tests/settings.ts";
import { guardLan, lanGuard } from "./lan-guard.ts";

const guard = lanGuard({
  address: "192.168.1.10",
  mayHaveEngine: ["mcp-portainer-container"],
  mayReadLogs: ["log-collector-container"],
});
const judge = (type: string, props: Record<string, unknown>, name = "x") =>
  guard({ type, name, props, opts: {}, resource: {} as pulumi.Resource });
const CONTAINER = "docker:index/container:Container";

for (const [title, type, props, message] of [
  [
    "port on every address",
    CONTAINER,
    { ports: [{ external: 4000, internal: 4000 }] },
    /port 4000 published on every address of the host: publish it on 192\.168\.1\.10/,
  ],
  [
    "port on 0.0.0.0",
    CONTAINER,
    { ports: [{ ip: "0.0.0.0", external: 1, internal: 1 }] },
    /port 1 published on 0\.0\.0\.0/,
  ],
  [
    "port on another address",
    CONTAINER,
    {
      ports: [
        { ip: "192.168.1.10", internal: 1 },
        { ip: "203.0.113.5", internal: 2 },
      ],
    },
    /port 2 published on 203\.0\.113\.5/,
  ],
  ["all ports", CONTAINER, { publishAllPorts: true }, /publishAllPorts/],
  ["the host's network", CONTAINER, { networkMode: "host" }, /networkMode "host"/],
  ["another container's network", CONTAINER, { networkMode: "container:abc" }, /networkMode "container:abc"/],
  ["privileged", CONTAINER, { privileged: true }, /privileged: it is root on the host/],
  ["capability", CONTAINER, { capabilities: { adds: ["CAP_CHOWN", "CAP_SYS_ADMIN"] } }, /capabilities CAP_SYS_ADMIN/],
  ["device", CONTAINER, { devices: [{ hostPath: "/dev/sda" }] }, /devices/],
  ["the host's processes", CONTAINER, { pidMode: "host" }, /pidMode/],
  [
    "no seccomp",
    CONTAINER,
    { securityOpts: ["no-new-privileges:true", "seccomp=unconfined"] },
    /securityOpts seccomp=unconfined/,
  ],
  [
    "the daemon's socket",
    CONTAINER,
    { volumes: [{ hostPath: "/var/run/docker.sock", containerPath: "/s" }] },
    /mount of \/var\/run\/docker\.sock/,
  ],
  [
    "a directory above the socket",
    CONTAINER,
    { volumes: [{ hostPath: "/run/", containerPath: "/s" }] },
    /mount of \/run\//,
  ],
  ["the whole host", CONTAINER, { mounts: [{ type: "bind", source: "/", target: "/s" }] }, /mount of \//],
  [
    "the host's own directory",
    CONTAINER,
    { volumes: [{ hostPath: "/etc/ssh", containerPath: "/s" }] },
    /mount of \/etc\/ssh: it is the host's own/,
  ],
  [
    "a path as a volume's name",
    CONTAINER,
    { volumes: [{ volumeName: "/run/docker.sock", containerPath: "/s" }] },
    /mount of \/run\/docker\.sock/,
  ],
  [
    "a mount as a volume",
    "docker:index/volume:Volume",
    { driverOpts: { type: "none", o: "bind", device: "/run" } },
    /device of a volume's driver/,
  ],
  [
    "a mount as a volume of a container",
    CONTAINER,
    { mounts: [{ type: "volume", target: "/s", volumeOptions: { driverOptions: { device: "/run" } } }] },
    /device of a volume's driver/,
  ],
  ["graphics cards", CONTAINER, { gpus: "all" }, /gpus: no container needs hardware/],
  [
    "tag of an image that is built",
    "docker:index/remoteImage:RemoteImage",
    { name: "mine:1", build: { context: ".", tags: ["traefik:v3"] } },
    /image traefik:v3/,
  ],
  [
    "certificate by variable",
    CONTAINER,
    { envs: ["A=1", "SSL_KEYFILE_PATH=/key"] },
    /variable SSL_KEYFILE_PATH: plain HTTP only/,
  ],
  [
    "certificate by argument",
    CONTAINER,
    { command: ["--ssl_keyfile_path=/key"] },
    /command --ssl_keyfile_path: plain HTTP only/,
  ],
  ["label for a proxy", CONTAINER, { labels: [{ label: "traefik.enable", value: "true" }] }, /label traefik\.enable/],
  ["public resolver", CONTAINER, { dns: ["8.8.8.8"] }, /dns/],
  ["Traefik", CONTAINER, { image: "traefik:v3.1" }, /image traefik:v3\.1: no reverse proxy/],
  [
    "Keycloak from a registry",
    "docker:index/remoteImage:RemoteImage",
    { name: "registry.lan:5000/quay/keycloak@sha256:0" },
    /image registry\.lan:5000\/quay\/keycloak/,
  ],
  ["tunnel", "docker:index/remoteImage:RemoteImage", { name: "cloudflare/cloudflared:2026.1.0" }, /cloudflared/],
  ["network on the LAN", "docker:index/network:Network", { driver: "macvlan" }, /driver "macvlan"/],
  ["service of a swarm", "docker:index/service:Service", {}, /type docker:index\/service:Service/],
  [
    "DNS record",
    "cloudflare:index/record:Record",
    {},
    /type cloudflare:index\/record:Record: this program makes containers/,
  ],
] as const)
  test(`refused: ${title}`, () => {
    assert.throws(() => judge(type, props), { name: "LanGuardError", message });
  });

test("several findings are one error, with the resource's name", () => {
  assert.throws(() => judge(CONTAINER, { privileged: true, networkMode: "host" }, "mcp-x-container"), {
    message:
      /^LAN guard: Container "mcp-x-container" is not allowed, nothing was changed:\n {2}- privileged.*\n {2}- networkMode "host"/,
  });
});

test("images whose name only looks alike pass, and so does what the program makes", () => {
  for (const image of [
    "ghcr.io/berriai/litellm:v1.77.3-stable",
    "caddyshack/postgres-mcp:1",
    "litellm-mcp/time:043afa5c4406",
    "postgres:17.6-trixie",
  ])
    judge(CONTAINER, { image });
  judge(CONTAINER, {
    ports: [
      { ip: "192.168.1.10", external: 4000, internal: 4000 },
      { ip: "127.0.0.1", external: 4001, internal: 4000 },
    ],
  });
  for (const type of [
    "random:index/randomPassword:RandomPassword",
    "postgresql:index/role:Role",
    "litellm:mcp:McpServer",
    "pulumi:providers:docker",
    "pulumi-nodejs:dynamic:Resource",
  ])
    judge(type, {});
});

test("the socket is for the server whose risk was accepted, and for no other", () => {
  const volumes = [{ hostPath: "/var/run/docker.sock", containerPath: "/s" }];
  judge(CONTAINER, { volumes }, "mcp-portainer-container");
  assert.throws(() => judge(CONTAINER, { volumes }, "mcp-other-container"), /declare the risk docker-socket/);
});

test("not even the server with the socket has the host's own directories", () => {
  for (const hostPath of ["/", "/var", "/etc"])
    assert.throws(
      () => judge(CONTAINER, { volumes: [{ hostPath, containerPath: "/s" }] }, "mcp-portainer-container"),
      /it is the host's own/,
    );
});

test("what is allowed is registered under the guard, children and dependencies included", async () => {
  const recorded = await mockEngine();
  const volume = await new Promise<pulumi.Resource>((made, failed) => {
    const program = () => {
      const group = new pulumi.ComponentResource("litellm:test:Group", "group");
      const container = new docker.Container("container", { image: "postgres:17" }, { parent: group });
      made(new docker.Volume("volume", {}, { dependsOn: [container] }));
    };
    pulumi.runtime.runInPulumiStack(async () => guardLan(testSettings(), program)).catch(failed);
  });
  await valueOf(volume.urn);
  assert.deepEqual(
    recorded.map(({ name }) => name),
    ["litellm-mcp-test", "group", "container", "volume"],
  );
});

test("a value that is known later passes as it is, a secret as a secret", async () => {
  await mockEngine();
  const checked = judge(CONTAINER, { envs: pulumi.secret(["KEY=1"]), image: pulumi.output("postgres:17") });
  assert.deepEqual(await valueOf(checked?.props["envs"]), ["KEY=1"]);
  assert.equal(await pulumi.isSecret(checked?.props["envs"]), true);
});

test("the folder of a container's log may be read by the collector alone, and nothing beside it", () => {
  const folder = `/var/lib/docker/containers/${"0a".repeat(32)}`;
  const mount = (hostPath: string, more: object = { readOnly: true }) => ({
    volumes: [{ hostPath, containerPath: "/logs/litellm", ...more }],
  });
  const asCollector = (props: Record<string, unknown>) => judge(CONTAINER, props, "log-collector-container");
  asCollector(mount(folder));
  asCollector(mount(folder.replace("/var/lib/docker", "/srv/docker/100000.100000")));
  assert.throws(() => judge(CONTAINER, mount(folder), "mcp-other-container"), /it is the host's own/);
  assert.throws(() => asCollector(mount(folder, {})), /it is the host's own/);
  for (const other of [
    ...["/var/lib/docker/containers", "/var/lib/docker", `${folder}/..`, `${folder}/mounts`, "/etc"],
    `/var/lib/docker/volumes/${"0a".repeat(32)}`,
    `/var/lib/docker/../containers/${"0a".repeat(32)}/../../docker`,
  ])
    assert.throws(() => asCollector(mount(other)), /it is the host's own/, other);
});
