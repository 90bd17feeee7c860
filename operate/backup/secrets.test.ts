import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredResource } from "../stored-state.ts";
import { changedSecrets, type Exported, hasNothing, secretsAlone, withSecretsOf } from "./secrets.ts";

const PASSWORD = "random:index/randomPassword:RandomPassword";
const PROVIDER = "urn:pulumi:lan::litellm-mcp::pulumi:providers:random::default";
const STACK = "urn:pulumi:lan::litellm-mcp::pulumi:pulumi:Stack::litellm-mcp-lan";
const KEY = "urn:pulumi:lan::litellm-mcp::litellm:gateway:ClientKey::client-phone";
const urnOf = (type: string, name: string) => `urn:pulumi:lan::litellm-mcp::${type}::${name}`;

const password = (name: string, value: string, parent = STACK): StoredResource => ({
  ...{ urn: urnOf(PASSWORD, name), type: PASSWORD, id: "none", parent, provider: `${PROVIDER}::0123-4567` },
  outputs: { result: { plaintext: JSON.stringify(value) }, length: 40 },
});

const state = (values: Readonly<Record<string, string>>): Exported => ({
  deployment: {
    resources: [
      { urn: STACK, type: "pulumi:pulumi:Stack", outputs: { clientKeys: "those of today" } },
      { urn: PROVIDER, type: "pulumi:providers:random", id: "0123-4567", outputs: { version: "4" } },
      {
        ...{ urn: KEY, type: "litellm:gateway:ClientKey", parent: STACK },
        ...{ dependencies: [urnOf("docker:index/container:Container", "litellm-container")] },
      },
      ...Object.entries(values).map(([name, value]) =>
        password(name, value, name === "client-phone-value" ? KEY : STACK),
      ),
      { ...password("client-phone-value", "replaced before"), delete: true },
      {
        ...{ urn: urnOf("docker:index/container:Container", "litellm-container"), id: "f00" },
        ...{ type: "docker:index/container:Container", parent: STACK },
      },
    ],
    pending_operations: [{ type: "creating", resource: password("client-phone-value", "half made") }],
  },
});

const before = state({
  ...{ "client-phone-value": "old", "ingress-listing-value": "old", "litellm-salt-key": "old" },
  ...{ "litellm-master-key": "old", "postgres-admin-password": "old", "client-gone-value": "old" },
  "scheduled-check-value": "old",
});

test("the same secrets are no change", () => {
  assert.deepEqual(changedSecrets(before, before), []);
  assert.deepEqual(withSecretsOf(before, before), before);
});

test("what belongs to the rows comes back, and what a new server was given stays", () => {
  const now = state({
    ...{ "client-phone-value": "new", "ingress-listing-value": "new", "litellm-salt-key": "new" },
    ...{ "litellm-master-key": "new", "postgres-admin-password": "new", "client-added-value": "new" },
    "scheduled-check-value": "new",
  });
  assert.deepEqual(changedSecrets(before, now), [
    ...["client-phone-value", "ingress-listing-value", "litellm-salt-key", "scheduled-check-value"],
  ]);
  const put = withSecretsOf(before, now);
  const expected = state({
    ...{ "client-phone-value": "old", "ingress-listing-value": "old", "litellm-salt-key": "old" },
    ...{ "litellm-master-key": "new", "postgres-admin-password": "new", "client-added-value": "new" },
    "scheduled-check-value": "old",
  });
  assert.deepEqual(put, expected);
});

test("a state of secrets alone has passwords, what they are part of and who made them, and names nothing that is not there", () => {
  const { deployment } = secretsAlone(before);
  const resources = deployment.resources ?? [];
  assert.deepEqual(
    resources.map(({ urn }) => urn.split("::").at(-1)),
    [
      ...["litellm-mcp-lan", "default", "client-phone", "client-phone-value", "ingress-listing-value"],
      ...[
        "litellm-salt-key",
        "litellm-master-key",
        "postgres-admin-password",
        "client-gone-value",
        "scheduled-check-value",
      ],
    ],
  );
  assert.ok(!JSON.stringify(deployment).includes("litellm-container"));
  assert.deepEqual(resources[0]!.outputs, {});
  assert.deepEqual(resources[3]!.outputs, password("client-phone-value", "old").outputs);
  assert.deepEqual(deployment.pending_operations, []);
});

test("a stack has nothing on a host before its first up, after its down, and with secrets alone", () => {
  for (const exported of [{ deployment: {} }, { deployment: { resources: [] } }, secretsAlone(before)])
    assert.ok(hasNothing(exported));
  assert.ok(!hasNothing(before));
});
