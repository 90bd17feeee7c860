import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type Docker from "dockerode";
import { readVolume } from "./volumes.ts";

const volume = { name: "mcp-memory-data", container: "mcp-memory", path: "/data" } as Parameters<typeof readVolume>[1];

test("of a container that is gone nothing is opened to be written, which nobody would end", async () => {
  const getArchive = () => Promise.reject(new Error("no such container"));
  const docker = { getContainer: () => ({ getArchive }) } as unknown as Docker;
  const opened: PassThrough[] = [];
  const open = () => {
    opened.push(new PassThrough());
    return Promise.resolve(opened[0]!);
  };
  await assert.rejects(readVolume(docker, volume, open), /no such container/);
  assert.deepEqual(opened, []);
});

test("where nothing can be opened, what was to be read is ended", async () => {
  const archive = new PassThrough();
  const docker = { getContainer: () => ({ getArchive: () => Promise.resolve(archive) }) } as unknown as Docker;
  await assert.rejects(
    readVolume(docker, volume, () => Promise.reject(new Error("no space"))),
    /no space/,
  );
  assert.ok(archive.destroyed);
});
