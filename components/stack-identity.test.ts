import assert from "node:assert/strict";
import { before, test } from "node:test";
import type * as pulumi from "@pulumi/pulumi";
import { mockEngine, valueOf } from "../tests/mocks.ts";
import { labelling, stackIdentity, type StackIdentity } from "./stack-identity.ts";

let identity: StackIdentity;
before(async () => {
  await mockEngine();
  identity = await stackIdentity("salt");
});

const label = (type: string, props: Record<string, unknown> = {}, opts: pulumi.CustomResourceOptions = {}) =>
  labelling(identity)({ type, name: "x", props, opts, resource: {} as pulumi.Resource });
const labelsOf = async (given: ReturnType<typeof label>) =>
  await valueOf((given?.props as { labels: pulumi.Input<{ label: string; value: string }[]> }).labels);

test("containers, networks and volumes carry the stack's id beside their own labels", async () => {
  for (const type of ["docker:index/container:Container", "docker:index/network:Network", "docker:index/volume:Volume"])
    assert.deepEqual(await labelsOf(label(type, { labels: [{ label: "project", value: "litellm" }] })), [
      { label: "project", value: "litellm" },
      { label: "litellm-mcp.stack", value: "litellm-mcp/test/id-of-stack-id" },
    ]);
  assert.equal(label("docker:index/remoteImage:RemoteImage"), undefined);
  assert.equal(identity.own.id, "id-of-stack-id");
});

test("networks and volumes of earlier versions are not replaced for the label's sake", () => {
  const ignored = (type: string) =>
    (label(type, {}, { ignoreChanges: ["driver"] })?.opts as pulumi.CustomResourceOptions).ignoreChanges;
  assert.deepEqual(ignored("docker:index/network:Network"), ["driver", "labels"]);
  assert.deepEqual(ignored("docker:index/volume:Volume"), ["driver", "labels"]);
  assert.deepEqual(ignored("docker:index/container:Container"), ["driver"]);
});

test("a volume that outlives the stack says whose it is by what outlives the state", async () => {
  const kept = (await labelsOf(label("docker:index/volume:Volume", {}, { retainOnDelete: true }))).at(-1);
  assert.deepEqual(kept, { label: "litellm-mcp.kept-for", value: identity.own.keptFor });
  assert.equal((await stackIdentity("salt")).own.keptFor, identity.own.keptFor);
  assert.notEqual((await stackIdentity("another")).own.keptFor, identity.own.keptFor);
});
