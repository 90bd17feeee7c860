import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { opening, OtherIdentity, type Sealing, sealingFor } from "./encryption.ts";
import { checkBackup, readPart, readText, writeBackup } from "./file.ts";
import type { Manifest, Part } from "./manifest.ts";

// More than one of the pieces of 64 KiB that age authenticates one by one.
const DUMP = randomBytes(200_000);

let folder: string;
let file: string;
let identity: string;
let recipient: string;
let sealing: Sealing;

const bytesOf = (stream: AsyncIterable<Uint8Array>) => buffer(Readable.from(stream));
async function part(name: string, content: Buffer, by: Pick<Sealing, "seal" | "nameOf">): Promise<Part> {
  const sealed = await bytesOf(by.seal(Readable.from([content])));
  await writeFile(path.join(folder, "parts", by.nameOf(name)), sealed);
  return {
    name: by.nameOf(name),
    bytes: sealed.length,
    sha256: createHash("sha256").update(sealed).digest("hex"),
  };
}

async function written(by: Pick<Sealing, "seal" | "nameOf"> = sealing): Promise<Manifest> {
  await rm(file, { force: true });
  const manifest: Manifest = {
    ...{ format: 1, project: "litellm-mcp", stack: "lan", created: "2026-11-22T03:30:00.000Z" },
    versions: { program: "0.1.0", litellm: "litellm:v1.77.3", postgres: 170006 },
    encryption: { tool: "age", recipients: [...sealing.recipients] },
    databases: [{ name: "litellm_db", part: await part("litellm_db.dump", DUMP, by), rows: { "public.keys": 3 } }],
    volumes: [],
    state: await part("state.json", Buffer.from('{"of":"the state"}'), by),
  };
  await writeBackup(file, manifest, path.join(folder, "parts"));
  return manifest;
}

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "backup-encrypted-"));
  await mkdir(path.join(folder, "parts"));
  file = path.join(folder, "lan.tar");
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  sealing = await sealingFor([recipient]);
});
afterEach(() => rm(folder, { recursive: true }));

test("whoever has the identity reads what was written, and so does its writer", async () => {
  const manifest = await written();
  for (const identities of [[identity], sealing.identities, [await generateX25519Identity(), identity]]) {
    const backup = { path: file, identities };
    assert.deepEqual(await checkBackup(backup), manifest);
    assert.equal(await readText(backup, manifest.state!), '{"of":"the state"}');
    await readPart(backup, manifest.databases[0]!.part, async (content) =>
      assert.ok((await buffer(content)).equals(DUMP)),
    );
  }
});

test("it has nothing in plain text but its manifest, which is read without an identity", async () => {
  const manifest = await written();
  const content = await readFile(file);
  assert.ok(!content.includes(DUMP.subarray(0, 32)) && !content.includes("the state"));
  assert.deepEqual(await checkBackup(file), manifest);
});

test("two backups for the same recipient have no key in common", async () => {
  await written();
  await assert.rejects(
    checkBackup({ path: file, identities: (await sealingFor([recipient])).identities }),
    OtherIdentity,
  );
});

test("refused: an identity for which it was not encrypted", async () => {
  await written();
  await assert.rejects(checkBackup({ path: file, identities: [await generateX25519Identity()] }), OtherIdentity);
});

for (const [what, spoil] of [
  ["a byte of it is another", (bytes: Buffer) => bytes.fill(bytes[150_000]! ^ 1, 150_000, 150_001)],
  ["its last byte is missing", (bytes: Buffer) => bytes.subarray(0, -1)],
  // By the end of a piece each of those before is whole.
  [
    "its last pieces are missing",
    (bytes: Buffer) => bytes.subarray(0, bytes.length - (bytes.length % (65_536 + 16)) - 1_000),
  ],
  ["there is something behind it", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("more")])],
  [
    "its header is damaged",
    (bytes: Buffer) => bytes.fill("AAAA", bytes.indexOf("\n--- ") + 10, bytes.indexOf("\n--- ") + 14),
  ],
  ["it is not encrypted at all", () => DUMP],
] as const)
  test(`refused, although whoever changed it made the sums fit: ${what}`, async () => {
    await written({
      nameOf: sealing.nameOf,
      seal: async function* (plain) {
        const sealed = await bytesOf(sealing.seal(plain));
        yield sealed.length > DUMP.length ? spoil(sealed) : sealed;
      },
    });
    // That the sums fit is what they say without an identity.
    await checkBackup(file);
    await assert.rejects(
      checkBackup({ path: file, identities: [identity] }),
      /is no backup that can be restored: litellm_db\.dump\.age in it is damaged/,
    );
  });

test("nothing is encrypted for nobody", async () => {
  const none = await sealingFor([]);
  assert.deepEqual([none.nameOf("a.dump"), none.identities], ["a.dump", []]);
  assert.equal((await bytesOf(none.seal(Readable.from([Buffer.from("plain")])))).toString(), "plain");
});

test("it is in the format of age, for the recipient and one more", async () => {
  const sealed = await bytesOf(sealing.seal(Readable.from([Buffer.from("a line")])));
  assert.match(sealed.toString("latin1"), /^age-encryption\.org\/v1\n(-> X25519 \S+\n\S+\n){2}--- \S+\n/);
  assert.equal((await bytesOf(opening([identity])(Readable.from([sealed])))).toString(), "a line");
});
