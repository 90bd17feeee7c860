import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { brokenStates } from "./state.ts";

const state = (resources: number) =>
  JSON.stringify({ version: 3, checkpoint: { stack: "s", latest: { resources: Array(resources).fill({}) } } });

/** What is found in a folder with these files. */
async function foundIn(files: Readonly<Record<string, string>>) {
  const backend = await mkdtemp(path.join(tmpdir(), "litellm-mcp-state-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(backend, ".pulumi", name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    const found = await brokenStates(`file://${backend}`, "p", "s");
    return found.map((one) => ({ ...one, fix: one.fix?.replaceAll(`${backend}/.pulumi/`, "") }));
  } finally {
    await rm(backend, { recursive: true });
  }
}

test("states that can be read are no finding, nor is a stack that was never there or has been removed", async () => {
  assert.deepEqual(await foundIn({}), []);
  const good = { "stacks/p/s.json": state(3), "stacks/p/s.json.bak": "cut", "stacks/p/t.json": state(0) };
  assert.deepEqual(await foundIn(good), []);
  assert.deepEqual(await foundIn({ "stacks/p/s.json.bak": state(0) }), []);
  // Without a first run it has no resources.
  assert.deepEqual(await foundIn({ "stacks/p/s.json": '{"version":3,"checkpoint":{"stack":"s"}}' }), []);
  assert.deepEqual(await brokenStates("s3://bucket", "p", "s"), []);
});

for (const [what, content] of [
  ["cut off", state(3).slice(0, 40)],
  ["empty", ""],
] as const)
  test(`a state that is ${what} is brought back from the copy beside it`, async () => {
    const [found] = await foundIn({ "stacks/p/s.json": content, "stacks/p/s.json.bak": state(3) });
    assert.match(found?.seen ?? "", /the state of stack s, .*s\.json, is cut off/);
    assert.match(found?.means ?? "", /disk was full/);
    assert.equal(found?.fix, "cp 'stacks/p/s.json.bak' 'stacks/p/s.json'; then npm run up -- --stack s --refresh");
  });

test("a state whose copy is no better is brought back from an older one, or from a backup", async () => {
  const [older] = await foundIn({
    "stacks/p/s.json": "",
    "stacks/p/s.json.bak": "",
    "backups/p/s/s.17.json": state(3),
    "backups/p/s/s.17.json.attrs": "{}",
  });
  assert.match(older?.fix ?? "", /^cp 'backups\/p\/s\/s\.17\.json' /);
  const [none] = await foundIn({ "stacks/p/s.json": "" });
  assert.match(none?.fix ?? "", /npm run restore/);
});

test("the state of another stack that cannot be read ends the commands of this one, too", async () => {
  const [found] = await foundIn({ "stacks/p/s.json": state(3), "stacks/p/t.json": "" });
  assert.match(found?.seen ?? "", /the state of stack t/);
});

test("a state that somebody has removed", async () => {
  const [found] = await foundIn({ "stacks/p/s.json.bak": state(3) });
  assert.match(found?.seen ?? "", /there is no .*s\.json, and its copy s\.json\.bak is there/);
  assert.match(found?.means ?? "", /beside what runs/);
});
