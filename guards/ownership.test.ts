import assert from "node:assert/strict";
import { test } from "node:test";
import { testSettings } from "../tests/settings.ts";
import type { OwnIdentity } from "../components/stack-identity.ts";
import { type Found, namesOnDaemon, ownershipProblem } from "./ownership.ts";

const own = { id: "11111111-aaaa", keptFor: "0123" };
const found = (labels: Record<string, string>, more: Partial<Found> = {}): Found => ({
  kind: "container",
  name: "litellm",
  labels: { project: "litellm", ...labels },
  created: new Date("2026-03-04T05:06:07Z"),
  image: "litellm:1",
  ...more,
});
const OTHERS = { "litellm-mcp.stack": "litellm-mcp/home/22222222-bbbb" };

for (const [what, one, identity] of [
  ["made by this stack", found({ "litellm-mcp.stack": "litellm-mcp/lan/11111111-aaaa" }), own],
  ["made by this stack under an earlier name", found({ "litellm-mcp.stack": "litellm-mcp/before/11111111-aaaa" }), own],
  ["made by a version without the label", found({}), own],
  ["made by a version without the label, in a first preview", found({}), { ...own, id: undefined }],
  [
    "a volume kept by a destroy of this stack",
    found({ ...OTHERS, "litellm-mcp.kept-for": "0123" }, { kind: "volume" }),
    own,
  ],
  [
    "a volume kept by a destroy of this stack, in a first preview",
    found({ ...OTHERS, "litellm-mcp.kept-for": "0123" }, { kind: "volume" }),
    { ...own, id: undefined },
  ],
] as const)
  test(`taken for one's own: ${what}`, () => assert.equal(ownershipProblem(one, identity), undefined));

const DESTROY = "Either write another litellm-mcp:namePrefix, or destroy it there; if that state is lost:";
const OTHER_NAME = "or write another litellm-mcp:namePrefix";
for (const [what, one, identity, text] of [
  [
    "another stack's container",
    found(OTHERS),
    own,
    `container litellm belongs to stack home (project litellm-mcp) of another Pulumi state (since 2026-03-04). ${DESTROY} docker rm -f litellm`,
  ],
  [
    "another stack's network",
    found(OTHERS, { kind: "network", name: "postgres-net" }),
    own,
    `network postgres-net belongs to stack home (project litellm-mcp) of another Pulumi state (since 2026-03-04). ${DESTROY} docker network rm postgres-net`,
  ],
  [
    "a label that is none of ours, in a first preview",
    found({ "litellm-mcp.stack": "x" }),
    { ...own, id: undefined },
    `container litellm belongs to stack undefined (project x) of another Pulumi state (since 2026-03-04). ${DESTROY} docker rm -f litellm`,
  ],
  [
    "a volume kept for another stack",
    found({ ...OTHERS, "litellm-mcp.kept-for": "4567" }, { kind: "volume", name: "mcp-memory-data" }),
    own,
    `volume mcp-memory-data belongs to stack home (project litellm-mcp) of another Pulumi state (since 2026-03-04). ${DESTROY} docker volume rm mcp-memory-data, which deletes what is in it`,
  ],
  [
    "another state's Postgres",
    found(OTHERS, { kind: "volume", name: "postgres-data" }),
    { ...own, id: undefined },
    `volume postgres-data belongs to stack home (project litellm-mcp) of another Pulumi state (since 2026-03-04). ${DESTROY} docker volume rm postgres-data, which deletes what is in it`,
  ],
  [
    "a container of the kept volume's stack",
    found({ ...OTHERS, "litellm-mcp.kept-for": "0123" }),
    own,
    `container litellm belongs to stack home (project litellm-mcp) of another Pulumi state (since 2026-03-04). ${DESTROY} docker rm -f litellm`,
  ],
  [
    "somebody's container",
    found({ project: "mine" }, { state: "exited" }),
    own,
    `container litellm was not made by this program (image litellm:1, exited, since 2026-03-04). Either remove it: docker rm -f litellm, ${OTHER_NAME}`,
  ],
  [
    "somebody's compose project",
    found(
      { project: "", "com.docker.compose.project": "ai", "com.docker.compose.service": "gateway" },
      { state: "running" },
    ),
    own,
    "container litellm was not made by this program (image litellm:1, compose project ai, service gateway, running, since 2026-03-04). " +
      `Either remove it: docker compose -p ai down, which takes away all of that project, or docker rm -f litellm, ${OTHER_NAME}`,
  ],
  [
    "somebody's network, with containers on it",
    { kind: "network", name: "postgres-net", labels: {}, created: new Date("2026-03-04"), users: ["postgres", "shop"] },
    own,
    "network postgres-net was not made by this program (containers on it: postgres, shop, since 2026-03-04). " +
      `Either remove it: docker network rm postgres-net, once no container is on it, ${OTHER_NAME}`,
  ],
  [
    "somebody's volume",
    { kind: "volume", name: "postgres-data", labels: {}, created: new Date("2026-03-04") },
    own,
    `volume postgres-data was not made by this program (since 2026-03-04). Either remove it: docker volume rm postgres-data, which deletes what is in it, ${OTHER_NAME}`,
  ],
  [
    "a volume of a compose project, which its down would leave",
    {
      kind: "volume",
      name: "postgres-data",
      labels: { "com.docker.compose.project": "ai" },
      created: new Date("2026-03-04"),
    },
    own,
    `volume postgres-data was not made by this program (compose project ai, since 2026-03-04). Either remove it: docker volume rm postgres-data, which deletes what is in it, ${OTHER_NAME}`,
  ],
] as const satisfies readonly (readonly [string, Found, OwnIdentity, string])[])
  test(`refused: ${what}`, () => assert.equal(ownershipProblem(one, identity), text));

test("what can be used as it is, is said with the setting for it", () => {
  const net: Found = { kind: "network", name: "postgres-net", labels: {}, created: new Date("2026-03-04"), users: [] };
  assert.equal(
    ownershipProblem(net, own, "litellm-mcp:existingNetworks.postgres: postgres-net"),
    "network postgres-net was not made by this program (since 2026-03-04). Either use it as it is: " +
      `litellm-mcp:existingNetworks.postgres: postgres-net; or remove it: docker network rm postgres-net, ${OTHER_NAME}`,
  );
});

test("the names that a stack takes", () => {
  const nets = ["litellm-mcp-net", "postgres-net", "litellm-lan-net", "mcp-egress-net", "litellm-ingress-net"];
  assert.deepEqual(
    namesOnDaemon(testSettings({ servers: { fetch: { enabled: false }, postgres: { enabled: false } } })),
    {
      container: ["ingress", "litellm", "postgres", "scheduled-check", "mcp-git", "mcp-memory", "mcp-time"],
      network: nets,
      volume: ["ingress-audit", "ingress-state", "postgres-data", "scheduled-check-state", "mcp-memory-data"],
    },
  );
  const existing = testSettings(
    { postgres: { kind: "existing", host: "192.168.1.11" }, servers: { memory: { enabled: false } } },
    ["postgresAdminPassword"],
  );
  assert.deepEqual(namesOnDaemon(existing).volume, ["ingress-audit", "ingress-state", "scheduled-check-state"]);
  assert.ok(!namesOnDaemon(existing).container.includes("postgres"));
  const joining = testSettings({ existingNetworks: { mcp: "litellm-mcp-net", postgres: "other-net" } });
  assert.deepEqual(namesOnDaemon(joining).network, [
    ...["litellm-lan-net", "mcp-egress-net", "litellm-ingress-net"],
    "mcp-postgres-net",
  ]);
});
