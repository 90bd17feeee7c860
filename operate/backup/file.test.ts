import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { pack } from "tar-stream";
import { checkBackup, readText, writeBackup } from "./file.ts";
import type { Manifest, Part } from "./manifest.ts";

let folder: string;
let file: string;
let manifest: Manifest;

const part = async (name: string, text: string): Promise<Part> => {
  await writeFile(path.join(folder, "parts", name), text);
  return { name, bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
};

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "backup-file-"));
  await mkdir(path.join(folder, "parts"));
  file = path.join(folder, "lan.tar");
  manifest = {
    format: 1,
    project: "litellm-mcp",
    stack: "lan",
    created: "2026-11-22T03:30:00.000Z",
    versions: { program: "0.1.0", litellm: "litellm:v1.77.3", postgres: 170006 },
    databases: [
      { name: "litellm_db", part: await part("litellm_db.dump", "PGDMP".repeat(2_000)), rows: { "public.keys": 3 } },
    ],
    volumes: [{ name: "mcp-memory-data", part: await part("mcp-memory-data.tar.gz", "notes") }],
    state: await part("state.json", "{}"),
    settings: await part("Pulumi.lan.yaml", "config:\n"),
  };
});
afterEach(() => rm(folder, { recursive: true }));

const written = () => writeBackup(file, manifest, path.join(folder, "parts"));
const refused = (why: RegExp) => assert.rejects(checkBackup(file), why);

test("what was written is read, by its owner alone, and its parts are not there twice", async () => {
  await written();
  assert.deepEqual(await checkBackup(file), manifest);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(path.join(folder, "parts")), []);
  assert.equal(await readText(file, manifest.settings!), "config:\n");
});

test("a file that is there already stays", async () => {
  await writeFile(file, "another backup");
  await assert.rejects(written(), /EEXIST/);
  assert.equal(await readFile(file, "utf8"), "another backup");
});

test("refused: at whichever byte it ends too early", async () => {
  await written();
  const whole = await readFile(file);
  // Behind the last part there are only zeros.
  const end = whole.lastIndexOf("notes");
  for (let size = 0; size <= end; size += 499) {
    await writeFile(file, whole.subarray(0, size));
    await refused(/is no backup that can be restored: it (ends too early|is no tar)/);
  }
});

test("refused: whichever part of it is damaged", async () => {
  await written();
  const whole = await readFile(file);
  for (const [text, why] of [
    ["PGDMP", /litellm_db\.dump in it is damaged/],
    ["notes", /mcp-memory-data\.tar\.gz in it is damaged/],
    ['"public.keys"', /its manifest is damaged/],
  ] as const) {
    const spoilt = Buffer.from(whole);
    const at = spoilt.indexOf(text) + 2;
    spoilt[at] = spoilt[at]! ^ 1;
    await writeFile(file, spoilt);
    await refused(why);
  }
});

test("refused: another file, another format, a part that nobody named", async () => {
  await writeFile(file, "x".repeat(5_000));
  await refused(/is no backup that can be restored: it is no tar/);
  await rm(file);
  await refused(/ENOENT/);

  const other = JSON.stringify({ ...manifest, format: 2 });
  const sum = `${createHash("sha256").update(other).digest("hex")}  manifest.json\n`;
  const tar = pack();
  tar.entry({ name: "manifest.json" }, other);
  tar.entry({ name: "manifest.json.sha256" }, sum);
  tar.finalize();
  await writeFile(file, tar);
  await refused(/its format is 2, and this version of the program reads 1/);

  await rm(file);
  await written();
  const size = (await readFile(file)).lastIndexOf("notes") + 512 - ((await readFile(file)).lastIndexOf("notes") % 512);
  await truncate(file, size);
  const more = pack();
  more.entry({ name: "more" }, "more");
  more.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of more) chunks.push(chunk);
  await writeFile(file, Buffer.concat([await readFile(file), ...chunks]));
  await refused(/it has more, which its manifest does not name/);
});
