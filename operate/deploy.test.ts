import assert from "node:assert/strict";
import { test } from "node:test";
import { deploy } from "./deploy.ts";
import type { Plan } from "./preview/plan.ts";

const [OLD, NEW] = ["ghcr.io/berriai/litellm:v1.77.3-stable", "ghcr.io/berriai/litellm:v1.106.2"];
const plan: Plan = {
  changes: [
    {
      ...{ action: "replace", what: "image litellm", follows: false },
      urn: "urn:pulumi:s::p::docker:index/remoteImage:RemoteImage::litellm-image",
      fields: [{ name: "name", before: OLD, after: NEW }],
    },
  ],
  ...{ unchanged: 0, isStateOld: false, warnings: [], errors: [], builds: [] },
};

function stack() {
  const done: string[] = [];
  const pulumi = {
    stack: "s",
    onRecord: () => Promise.reject(new Error("nobody should ask")),
    held: () => Promise.resolve(undefined),
    preview: () => Promise.resolve(plan),
    up: () => {
      done.push("up");
      return Promise.resolve(0);
    },
  };
  return { pulumi, done };
}

test("a command that makes no backup does not move LiteLLM to another image", async () => {
  const { pulumi, done } = stack();
  await assert.rejects(
    deploy(pulumi),
    /another image of LiteLLM \(LiteLLM 1\.77\.3 → 1\.106\.2\)\. First deploy that with npm run up/,
  );
  assert.deepEqual(done, []);
});

test("what is done before a change is done before it, and its error keeps everything as it is", async () => {
  const { pulumi, done } = stack();
  assert.equal(await deploy(pulumi, [], () => Promise.resolve(void done.push("backup"))), true);
  assert.deepEqual(done, ["backup", "up"]);
  await assert.rejects(
    deploy(pulumi, [], () => Promise.reject(new Error("no room for a backup"))),
    /no room/,
  );
  assert.deepEqual(done, ["backup", "up"]);
});
