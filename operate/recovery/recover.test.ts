import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { connectDocker } from "../../components/docker/docker-connection.ts";
import type { Plan } from "../preview/plan.ts";
import { describe, differences, type Found, unrecorded } from "./on-daemon.ts";
import { deployAndRepair, dropping, recover, removeIfLeftOver } from "./recover.ts";
import { type Deployed, type Pending, readRecord } from "./on-record.ts";
import { pack } from "tar-stream";

const urn = (type: string, name: string) => `urn:pulumi:s::p::${type}::${name}`;
const of = (type: string, name: string, rest: Record<string, unknown> = {}) => ({
  urn: urn(type, name),
  type,
  ...rest,
});
const CONTAINER = "docker:index/container:Container";
const NETWORK = "docker:index/network:Network";

const resources = [
  of("random:index/randomUuid:RandomUuid", "stack-id", { id: "7f88" }),
  of("pulumi:providers:docker", "docker", { inputs: { host: "ssh://me@host", sshOpts: '["-p","22"]' } }),
  of(CONTAINER, "mcp-time-container", { id: "c1", inputs: { name: "mcp-time" } }),
  of(CONTAINER, "mcp-git-container", { id: "c2", inputs: { name: "mcp-git" } }),
  of(CONTAINER, "mcp-git-container", { id: "c0", inputs: { name: "mcp-git" }, delete: true }),
  of(NETWORK, "networks-egress", { id: "n1", inputs: { name: "egress" } }),
  of("docker:index/remoteImage:RemoteImage", "mcp-time-image", {
    ...{ id: "sha256:0000litellm-mcp/time:1", inputs: { name: "litellm-mcp/time:1" } },
    outputs: { imageId: "sha256:0000" },
  }),
  of("docker:index/volume:Volume", "data", { id: "data", inputs: { name: "data" } }),
];

test("the state says whose containers and networks are where", () => {
  const record = readRecord({ resources });
  assert.equal(record.stackId, "7f88");
  assert.deepEqual(record.endpoint, { host: "ssh://me@host", sshOpts: ["-p", "22"] });
  assert.deepEqual(
    record.deployed.map(({ kind, id, name }) => `${kind} ${name} ${id}`),
    ["container mcp-time c1", "container mcp-git c2", "network egress n1"],
  );
  assert.deepEqual(
    record.images.map(({ id, name }) => [id, name]),
    [["sha256:0000", "litellm-mcp/time:1"]],
  );
  assert.deepEqual([...record.known].sort(), ["c0", "c1", "c2", "n1"]);
});

test("an empty state knows nobody's daemon", () => {
  const record = readRecord({});
  assert.deepEqual([record.stackId, record.endpoint, record.deployed, record.pending], [undefined, undefined, [], []]);
});

test("what a run had begun is known by its name", () => {
  const role = of("postgresql:index/role:Role", "litellm_user", { inputs: { name: "litellm_user" } });
  const { pending } = readRecord({ resources, pending_operations: [{ type: "creating", resource: role }] });
  assert.deepEqual(pending, [{ urn: role.urn, type: role.type, isCreating: true, name: "litellm_user" }]);
});

const found = (kind: Found["kind"], id: string, name: string, state?: string, networks = {}): Found => ({
  ...{ kind, id, name },
  ...(state && { state }),
  networks: new Map(Object.entries(networks)),
});

const time = {
  kind: "container",
  id: "c1",
  name: "mcp-time",
  urn: "urn:time",
  networks: ["n1"],
  aliases: { n1: ["mcp-time"] },
  files: [],
} as const;
const egress = {
  kind: "network",
  id: "n1",
  name: "egress",
  urn: "urn:egress",
  networks: [],
  aliases: {},
  files: [],
} as const;
const deployed = [time, egress];

for (const [state, is, repair] of [
  ["running", undefined],
  ["restarting", undefined],
  ["paused", "is paused", "unpause"],
  ["exited", "is stopped", "refresh"],
  ["created", "is stopped", "refresh"],
  ["dead", "is stopped", "refresh"],
] as const)
  test(`a container that is ${state} ${is ?? "is as deployed"}`, () => {
    const [difference] = differences({ deployed: [time] }, [
      found("container", "c1", "mcp-time", state, { egress: "n1" }),
    ]);
    assert.deepEqual([difference?.is, difference?.repair], [is, repair]);
  });

test("a container that was put on another network, and off its own", () => {
  const there = [
    found("network", "n1", "egress"),
    found("container", "c1", "mcp-time", "running", { "postgres-net": "n7" }),
  ];
  assert.deepEqual(
    differences({ deployed }, there).map(({ is, repair, network }) => [is, repair, network]),
    [
      ["is off network egress", "replace", { id: "n1", isOwn: true }],
      ["is on network postgres-net as well", "replace", { id: "n7", isOwn: false }],
    ],
  );
});

test("of a network that is missing it is not said again that its containers are off it", () => {
  const there = [found("container", "c1", "mcp-time", "running", {})];
  assert.deepEqual(
    differences({ deployed }, there).map((one) => `${describe([one])} ${one.is}`),
    ["network egress is missing"],
  );
  // One of somebody else's that it was put on.
  assert.equal(differences({ deployed: [time] }, there)[0]?.is, "is off network n1");
});

test("what is not on the daemon is missing, also where another has its name", () => {
  const missing = differences(readRecord({ resources }), [
    found("container", "c9", "mcp-time", "running"),
    found("container", "c2", "mcp-git", "running"),
  ]);
  assert.equal(describe(missing), "container mcp-time, network egress");
  assert.ok(missing.every(({ is }) => is === "is missing"));
});

test("what the state does not know is left over, but for volumes, whose data the next run takes", () => {
  const left = unrecorded(readRecord({ resources }), [
    found("container", "c0", "mcp-git-old", "running"),
    found("container", "c9", "mcp-time", "created"),
    found("network", "n1", "egress"),
    found("network", "n9", "other"),
    found("volume", "data", "data"),
    found("volume", "other-data", "other-data"),
  ]);
  assert.equal(describe(left), "container mcp-time, network other");
});

test("what was begun in Postgres is dropped, databases before the roles that have them", () => {
  const begun = (type: string, name: string, isCreating = true) => ({ urn: urn(type, name), type, isCreating, name });
  assert.deepEqual(
    dropping([
      begun("postgresql:index/role:Role", 'a"b'),
      begun("postgresql:index/role:Role", "deployed", false),
      begun(CONTAINER, "litellm"),
      begun("postgresql:index/database:Database", "litellm_db"),
    ]),
    ['DROP DATABASE IF EXISTS "litellm_db";', 'DROP ROLE IF EXISTS "a""b";'],
  );
});

/** A daemon that has one container of the stack, which the state does not know, and does whatever it is told. */
async function daemon(t: TestContext, { whenAsked = (): Promise<unknown> => Promise.resolve(), edited = "" } = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "recover-"));
  const removed: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://docker");
    if (request.method === "DELETE") removed.push(pathname);
    if (pathname.endsWith("/archive")) {
      const file = pack();
      file.entry({ name: "config.yaml" }, edited);
      file.finalize();
      file.pipe(response);
      return;
    }
    if (pathname.includes("/exec")) {
      response.writeHead(409).end('{"message":"container gw-postgres is not running"}');
      return;
    }
    const own = { Labels: { "litellm-mcp.stack": "p/s/7f88" } };
    const body = pathname.endsWith("/containers/json")
      ? [{ ...own, Id: "c9", Names: ["/mcp-new"], State: "created" }]
      : pathname.endsWith("/networks")
        ? []
        : pathname.endsWith("/images/json")
          ? [{ Id: "sha256:there" }]
          : { Volumes: [] };
    void whenAsked().then(() => response.setHeader("content-type", "application/json").end(JSON.stringify(body)));
  });
  const socket = path.join(folder, "docker.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return { folder, removed, endpoint: { host: `unix://${socket}`, sshOpts: [] } };
}

/** A stack whose state is in a folder, or in that backend. */
function stackOn(
  { folder, endpoint }: Awaited<ReturnType<typeof daemon>>,
  { backend = "", pending = [] as Pending[], deployed = [] as Deployed[], images = [] as Deployed[] },
) {
  const known = new Set(deployed.map(({ id }) => id));
  const record = { stackId: "7f88", endpoint, deployed, images, databases: [], known, pending };
  return {
    ...{ stack: "s", project: "p" },
    backendUrl: () => Promise.resolve(backend || `file://${folder}`),
    onRecord: () => Promise.resolve(record),
    containerName: () => Promise.resolve("gw-postgres"),
    refresh: () => Promise.resolve(),
  };
}

async function lock(folder: string): Promise<void> {
  const locks = path.join(folder, ".pulumi/locks/organization/p/s");
  await mkdir(locks, { recursive: true });
  const other = { pid: 1, username: "me", hostname: `not-${hostname()}`, timestamp: "2026-01-01T00:00:00Z" };
  await writeFile(path.join(locks, "a.json"), JSON.stringify(other));
}

test("what an interrupted run has left is removed", async (t) => {
  const there = await daemon(t);
  await recover(stackOn(there, {}));
  assert.equal(there.removed.length, 1);
});

test("where the backend does not show who deploys, nothing is removed: it may be what another run has just made", async (t) => {
  const there = await daemon(t);
  await recover(stackOn(there, { backend: "https://app.pulumi.com/me" }));
  assert.deepEqual(there.removed, []);
});

test("a run that begins while the daemon is asked keeps what it makes", async (t) => {
  const there = await daemon(t, { whenAsked: () => lock(there.folder) });
  await assert.rejects(recover(stackOn(there, {})), /locked by process 1 of me/);
  assert.deepEqual(there.removed, []);
});

test("what was left and is somebody's by now is not removed", async (t) => {
  const there = await daemon(t);
  const docker = connectDocker(there.endpoint);
  const one = found("container", "c9", "mcp-new");
  const stack = stackOn(there, {});
  await removeIfLeftOver(stack, docker, one);
  assert.equal(there.removed.length, 1);
  const known = async () => ({ ...(await stack.onRecord()), known: new Set(["c9"]) });
  await assert.rejects(removeIfLeftOver({ ...stack, onRecord: known }, docker, one), /has deployed the stack/);
  await lock(there.folder);
  await assert.rejects(removeIfLeftOver(stack, docker, one), /locked by process 1 of me/);
  assert.equal(there.removed.length, 1);
});

test("a database that was begun, in a Postgres that does not run: the error says how to start it", async (t) => {
  const there = await daemon(t);
  const type = "postgresql:index/role:Role";
  const pending = [{ urn: urn(type, "role"), type, isCreating: true, name: "litellm_user" }];
  await assert.rejects(recover(stackOn(there, { pending })), /docker start gw-postgres; then run the command again/);
});

test("an image that is on the daemon no more is found", async (t) => {
  const there = await daemon(t);
  const image = (id: string): Deployed => ({ ...egress, kind: "image", id, name: `litellm-mcp/${id}`, urn: id });
  const stack = stackOn(there, { images: [image("sha256:there"), image("sha256:gone")] });
  const { differences: found } = await recover(stack);
  assert.deepEqual(
    found.map((one) => [describe([one]), one.is, one.repair]),
    [["image litellm-mcp/sha256:gone", "is missing", "refresh"]],
  );
});

test("a file that somebody has edited in a container is found", async (t) => {
  const there = await daemon(t, { edited: "model_list: []\n" });
  const given = (content: string) => ({
    ...time,
    id: "c9",
    networks: [],
    files: [{ path: "/app/config.yaml", content }],
  });
  const { differences: none } = await recover(stackOn(there, { deployed: [given("model_list: []\n")] }));
  assert.deepEqual(
    none.map(({ is }) => is),
    ["is stopped"],
  );
  const { differences: one } = await recover(stackOn(there, { deployed: [given("model_list: [mock]\n")] }));
  assert.deepEqual(one.map(({ is, repair }) => [is, repair]).at(-1), [
    "has another /app/config.yaml than it was given",
    "replace",
  ]);
});

/** A stack on a daemon as it was deployed, whose previews are these, one after the other, and whose `up`s end so. */
async function deploying(t: TestContext, previews: readonly (readonly string[])[], exitCodes: readonly number[]) {
  const there = await daemon(t);
  const done: string[] = [];
  const [nextPreview, nextExit] = [previews.values(), exitCodes.values()];
  const plan = (urns: readonly string[]): Plan => ({
    changes: urns.map((one) => ({ action: "create", what: one, urn: one, fields: [], follows: false })),
    ...{ unchanged: 0, isStateOld: false, warnings: [], errors: [], builds: [] },
  });
  const pulumi = {
    ...stackOn(there, {}),
    held: () => Promise.resolve(undefined),
    preview: () => Promise.resolve(plan(nextPreview.next().value ?? assert.fail("one preview too many"))),
    up: () => Promise.resolve(nextExit.next().value ?? assert.fail("one up too many")),
    refresh: () => Promise.resolve(void done.push("refresh")),
  };
  return { pulumi, done };
}

test("an up that fails is done once more, when a look at the host finds more to bring back than was planned", async (t) => {
  const { pulumi, done } = await deploying(t, [["check"], ["check", "key"], ["check", "key"]], [1, 0]);
  assert.equal(await deployAndRepair(pulumi), true);
  assert.deepEqual(done, ["refresh"]);
});

test("an up that fails for another reason is not done again", async (t) => {
  const { pulumi, done } = await deploying(t, [["check", "image"], ["image"]], [1]);
  await assert.rejects(deployAndRepair(pulumi), /Not deployed: read the message above/);
  assert.deepEqual(done, ["refresh"]);
});

test("an up that fails because the host is away says so at its end", async (t) => {
  const { pulumi, done } = await deploying(t, [["check"]], [1]);
  const said = t.mock.method(console, "error", () => {});
  const away = { host: "unix:///nowhere/docker.sock", sshOpts: [] };
  const record = await pulumi.onRecord();
  const unreached = { refresh: () => Promise.reject(new Error("pulumi refresh ended with exit code 1")) };
  const up = () => {
    done.push("up");
    return Promise.resolve(1);
  };
  const onRecord = () => Promise.resolve(done.includes("up") ? { ...record, endpoint: away } : record);
  await assert.rejects(
    deployAndRepair({ ...pulumi, ...unreached, up, onRecord }),
    /Not deployed: read the message above, fix it and run the command again/,
  );
  assert.match(
    said.mock.calls.map(({ arguments: [text] }) => String(text)).join("\n"),
    /Not looked at: unix:\/\/\/nowhere\/docker\.sock does not answer \(connect ENOENT/,
  );
});

test("where nothing is to be changed, nothing is deployed", async (t) => {
  const { pulumi, done } = await deploying(t, [[]], []);
  assert.equal(await deployAndRepair(pulumi), false);
  assert.deepEqual(done, []);
});

test("what may be done beside the comparison is done where nothing on the host differs, and nowhere else", async (t) => {
  const { pulumi } = await deploying(t, [[], [], []], []);
  const begun: string[] = [];
  const asDeployed = { ...pulumi, onRecord: async () => ({ ...(await pulumi.onRecord()), deployed: [] }) };
  await deployAndRepair(asDeployed, { beside: () => begun.push("as deployed") });
  await deployAndRepair(asDeployed, { refresh: true, beside: () => begun.push("with a look at the host") });
  const changed = {
    ...pulumi,
    onRecord: async () => ({ ...(await pulumi.onRecord()), deployed: [{ ...time, id: "gone" }] }),
  };
  await deployAndRepair(changed, { beside: () => begun.push("changed") });
  assert.deepEqual(begun, ["as deployed"]);
});
