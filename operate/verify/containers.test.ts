import assert from "node:assert/strict";
import { test } from "node:test";
import type { Found } from "../recovery/on-daemon.ts";
import type { Deployed } from "../recovery/on-record.ts";
import { changedByHand } from "./containers.ts";

const deployed = (kind: "container" | "network", resource: string): Deployed => ({
  ...{ kind, id: `id of ${resource}`, name: `gw-${resource}`, networks: [], aliases: {}, files: [] },
  urn: `urn:pulumi:lan::p::type::${resource}-${kind}`,
});
const found = (one: Deployed, state: string): Found => ({ kind: "container", id: one.id, name: one.name, state });

const UP = "npm run up -- --stack lan";

for (const [resource, there, seen, means] of [
  ["postgres", "exited", "container gw-postgres is stopped", /^without Postgres LiteLLM knows no key/],
  ["postgres", undefined, "container gw-postgres is missing", /^without Postgres/],
  ["litellm", "paused", "container gw-litellm is paused", /^without LiteLLM nobody can list/],
  ["ingress", "exited", "container gw-ingress is stopped", /^without the ingress nothing answers/],
  ["redis", "exited", "container gw-redis is stopped", /^without Redis/],
  ["prometheus", "exited", "container gw-prometheus is stopped", /^without Prometheus no figures/],
  ["loki", "exited", "container gw-loki is stopped", /^without Loki no logs/],
  ["grafana", "exited", "container gw-grafana is stopped", /^without Grafana nobody sees/],
  ["log-collector", "exited", "container gw-log-collector is stopped", /^without the collector no logs/],
  ["mcp-time", "paused", "container gw-mcp-time is paused", /^the tools of its server cannot be called/],
] as const)
  test(`a container is named with its state, and what that means: ${seen}`, () => {
    const one = deployed("container", resource);
    const [broken, ...more] = changedByHand({ deployed: [one] }, there ? [found(one, there)] : [], UP);
    assert.deepEqual([more, broken?.name, broken?.finding.seen, broken?.finding.fix], [[], one.name, seen, UP]);
    assert.match(broken?.finding.means ?? "", means);
  });

test("a network that is gone is named; what runs as it was deployed is not", () => {
  const [time, net] = [deployed("container", "mcp-time"), deployed("network", "mcp")];
  assert.deepEqual(
    changedByHand({ deployed: [time, net] }, [found(time, "running")], UP).map(({ finding }) => finding.seen),
    ["network gw-mcp is missing"],
  );
});
