import assert from "node:assert/strict";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type Docker from "dockerode";
import type { Difference } from "../recovery/on-daemon.ts";
import { mendAll, mendOf, unlocking } from "./mends.ts";

/** A daemon that writes down what it is told. */
function daemon() {
  const told: unknown[] = [];
  const tell = (what: string) => (options?: unknown) => {
    told.push([what, ...(options === undefined ? [] : [options])]);
    return Promise.resolve();
  };
  const docker = {
    getContainer: (id: string) => ({ start: tell(`start ${id}`), unpause: tell(`unpause ${id}`) }),
    getNetwork: (id: string) => ({ connect: tell(`connect ${id}`), disconnect: tell(`disconnect ${id}`) }),
  } as unknown as Docker;
  return { docker, told };
}

const difference: Difference = {
  ...{ kind: "container", id: "c1", name: "mcp-time", urn: "urn", is: "is stopped", repair: "refresh" },
  ...{ networks: ["n1"], aliases: { n1: ["time"] }, files: [] },
};

for (const [changes, does, told] of [
  [{}, "container mcp-time is started", ["start c1"]],
  [{ is: "is paused", repair: "unpause" }, "container mcp-time goes on (unpause)", ["unpause c1"]],
  [
    { is: "is off network egress", repair: "replace", network: { id: "n1", isOwn: true } },
    "container mcp-time is connected again: it was off network egress",
    ["connect n1", { Container: "c1", EndpointConfig: { Aliases: ["time"] } }],
  ],
  [
    { is: "is on network other as well", repair: "replace", network: { id: "n7", isOwn: false } },
    "container mcp-time is disconnected: it was on network other",
    ["disconnect n7", { Container: "c1" }],
  ],
] as const satisfies readonly (readonly [Partial<Difference>, string, readonly unknown[]])[])
  test(`mended: ${does}`, async () => {
    const there = daemon();
    const mend = mendOf(there.docker, { ...difference, ...changes });
    assert.equal(mend?.does, does);
    await mend.run();
    assert.deepEqual(there.told, [told]);
  });

for (const [what, changes] of [
  ["a container that is gone", { is: "is missing" }],
  ["an edited file", { is: "has another /app/config.yaml than it was given", repair: "replace" }],
  ["a network that is gone", { kind: "network", is: "is missing" }],
] as const)
  test(`not mended: ${what}, which takes an up`, () => {
    assert.equal(mendOf(daemon().docker, { ...difference, ...changes }), undefined);
  });

test("a lock is taken away, with what Pulumi writes beside it", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "litellm-mcp-lock-"));
  try {
    const file = path.join(folder, "1.json");
    for (const one of [file, `${file}.attrs`]) await writeFile(one, "{}");
    await unlocking({ file, pid: 7, username: "me", hostname: "here", timestamp: "" }).run();
    for (const one of [file, `${file}.attrs`]) await assert.rejects(access(one));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("each is said, also what fails; the rest is done all the same, and only what was mended is waited for", async () => {
  const said: unknown[] = [];
  const waited: string[] = [];
  const count = await mendAll(
    [
      { seen: "a", mend: { does: "a", container: "mcp-a", run: () => Promise.reject(new Error("no such container")) } },
      { seen: "b", means: "left to a person" },
      { seen: "c", mend: { does: "c", container: "mcp-c", run: () => Promise.resolve() } },
      { seen: "d", mend: { does: "d", run: () => Promise.resolve() } },
    ],
    (...words) => said.push(words.filter((word) => word !== undefined)),
    (container) => {
      waited.push(container);
      return Promise.reject(new Error("is not healthy after 120 s"));
    },
  );
  assert.equal(count, 3);
  assert.deepEqual(waited, ["mcp-c"]);
  assert.deepEqual(said, [
    ["a", "no such container"],
    ["c"],
    ["d"],
    ["container mcp-c is healthy again", "is not healthy after 120 s"],
  ]);
});
