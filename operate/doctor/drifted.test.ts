import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT_KEY_TYPE, DYNAMIC_TYPE } from "../../components/resource-names.ts";
import { judgeDrift } from "./drifted.ts";

const urn = (type: string, name: string) => `urn:pulumi:s::p::${type}::${name}`;
const KEY = urn(`${CLIENT_KEY_TYPE}$${DYNAMIC_TYPE}`, "client-phone-key");
const GRANT = urn("litellm:postgres:Databases$postgresql:index/grant:Grant", "databases-select-public");
type Case = readonly [string, Parameters<typeof judgeDrift>[0], RegExp, RegExp];
const up = "npm run up -- --stack lan";

const CASES: readonly Case[] = [
  [
    "a key that was deleted",
    { action: "delete", what: "client-phone-key", urn: KEY, fields: [] },
    /^LiteLLM does not know the key of client phone$/,
    /that client is refused/,
  ],
  [
    "a key that was widened",
    { action: "update", what: "client-phone-key", urn: KEY, fields: [{ name: "models", before: "gpt", after: "all" }] },
    /^LiteLLM has other rights for the key of client phone: models gpt → all$/,
    /LiteLLM's pages or by its API/,
  ],
  [
    "a right that was revoked",
    {
      ...{ action: "update", what: "databases-select-public", urn: GRANT },
      fields: [{ name: "privileges", before: "SELECT", after: undefined }],
    },
    /^in Postgres, databases-select-public is changed: privileges SELECT → nothing$/,
    /revoked or granted a right/,
  ],
  [
    "a role that is gone",
    { action: "delete", what: "user reader", urn: urn("postgresql:index/role:Role", "databases-reader"), fields: [] },
    /^in Postgres, user reader is missing$/,
    /with SQL/,
  ],
  [
    "a limit of a container",
    {
      ...{ action: "update", what: "container mcp-time", urn: urn("docker:index/container:Container", "mcp-time") },
      fields: [{ name: "memory", before: 256, after: 64 }],
    },
    /^container mcp-time is changed: memory 256 → 64$/,
    /docker update/,
  ],
];

for (const [what, change, seen, means] of CASES)
  test(what, () => {
    const found = judgeDrift(change, up);
    assert.match(found.seen, seen);
    assert.match(found.means ?? "", means);
    assert.equal(found.fix, `${up} --refresh brings it back`);
    assert.equal(judgeDrift(change, "npm run up").fix, "npm run up -- --refresh brings it back");
  });
