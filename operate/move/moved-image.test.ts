import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../preview/plan.ts";
import { isOlder, moveIn, shownMove } from "./moved-image.ts";

const [OLD, NEW] = ["ghcr.io/berriai/litellm:v1.77.3-stable", "ghcr.io/berriai/litellm:v1.106.2"];
const change = (name: string, fields: Change["fields"]): Change => ({
  ...{ action: "replace", what: name, follows: false, fields },
  urn: `urn:pulumi:s::p::docker:index/remoteImage:RemoteImage::${name}`,
});
const image = { name: "name", before: OLD, after: NEW };

test("a move is another name of LiteLLM's image, and no other image's", () => {
  assert.deepEqual(moveIn({ changes: [change("mcp-time-image", [image]), change("litellm-image", [image])] }), {
    from: OLD,
    to: NEW,
  });
  assert.equal(moveIn({ changes: [change("mcp-time-image", [image])] }), undefined);
  assert.equal(moveIn({ changes: [change("litellm-image", [{ ...image, name: "keepLocally" }])] }), undefined);
});

test("the first deployment is no move", () => {
  assert.equal(moveIn({ changes: [{ ...change("litellm-image", []), action: "create" }] }), undefined);
});

test("versions compare as numbers, and what does not say its version is not older", () => {
  assert.deepEqual(
    [
      [NEW, OLD],
      [OLD, NEW],
      [OLD, OLD],
      [NEW, "mine@sha256:ab"],
    ].map(([from, to]) => isOlder({ from: from!, to: to! })),
    [true, false, false, false],
  );
});

test("it is shown by versions, and by images where these are the same", () => {
  assert.equal(shownMove({ from: OLD, to: NEW }), "LiteLLM 1.77.3 → 1.106.2");
  assert.equal(shownMove({ from: OLD, to: `${OLD}-patch-1` }), `LiteLLM ${OLD} → ${OLD}-patch-1`);
});
