import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type Entry, extract, type Headers, pack } from "tar-stream";
import { opening, OtherIdentity, SEALED } from "./encryption.ts";
import { type Manifest, parseManifest, type Part, partsOf } from "./manifest.ts";

// A backup is a plain tar: `tar -tvf FILE` and `tar -xf FILE` work without this program. The manifest is its first member and
// has the sums of all others, and the second member is the sum of the manifest in the form of `sha256sum --check`.
const MANIFEST = "manifest.json";
const SUM = "manifest.json.sha256";
const MODE = 0o600;

/** Passes everything on, and knows afterwards how much it was and its sum. */
export class Counted extends Transform {
  bytes = 0;
  readonly #hash = createHash("sha256");

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: Error | null, chunk: Buffer) => void) {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    done(null, chunk);
  }

  /** Once; all has passed by then. */
  part(name: string): Part {
    return { name, bytes: this.bytes, sha256: this.#hash.digest("hex") };
  }
}

const sumLine = (manifest: string) => `${createHash("sha256").update(manifest).digest("hex")}  ${MANIFEST}\n`;

/**
 * Writes a backup.
 *
 * @param parts Folder in which each part is a file of its name. They are removed one by one, so that the disk needs room
 * for little more than one copy.
 */
export async function writeBackup(file: string, manifest: Manifest, parts: string): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(file, { flags: "wx", mode: MODE }));
  const header = (name: string, size: number): Headers => ({
    ...{ name, size, mode: MODE, mtime: new Date(manifest.created) },
  });
  const members = async () => {
    const json = `${JSON.stringify(manifest, undefined, 2)}\n`;
    for (const [name, content] of [
      [MANIFEST, json],
      [SUM, sumLine(json)],
    ] as const)
      await pipeline(Readable.from([content]), tar.entry(header(name, Buffer.byteLength(content))));
    for (const { name, bytes } of partsOf(manifest)) {
      const from = path.join(parts, name);
      await pipeline(createReadStream(from), tar.entry(header(name, bytes)));
      await rm(from);
    }
    tar.finalize();
  };
  await Promise.all([written, members().catch((error: Error) => tar.destroy(error))]);
  const handle = await open(file, "r+");
  // It is not renamed to its name before the disk has all of it.
  await handle.sync().finally(() => handle.close());
}

/** Where a backup is, and what opens it if it is encrypted. */
export type BackupFile = string | { readonly path: string; readonly identities: readonly string[] };
const pathOf = (file: BackupFile) => (typeof file === "string" ? file : file.path);
const identitiesOf = (file: BackupFile) => (typeof file === "string" ? [] : file.identities);

/**
 * Reads a backup from its beginning to its end; of one that is encrypted without identities, what is written there.
 *
 * @throws Error that says what is wrong with it.
 */
export async function checkBackup(from: BackupFile): Promise<Manifest> {
  const [file, identities] = [pathOf(from), identitiesOf(from)];
  let manifest: Manifest | undefined;
  const missing = new Map<string, Part>();
  let json = "";
  await eachMember(file, async (entry) => {
    const { name } = entry.header;
    if (!manifest) {
      if (name === MANIFEST && !json) {
        json = await text(entry);
        return;
      }
      if (name !== SUM || !json || (await text(entry)) !== sumLine(json))
        throw new Error(json ? "its manifest is damaged" : `it does not begin with ${MANIFEST}`);
      manifest = parseManifest(json);
      for (const part of partsOf(manifest)) missing.set(part.name, part);
      return;
    }
    const wanted = missing.get(name);
    if (!wanted) throw new Error(`it has ${name}, which its manifest does not name`);
    const counted = new Counted();
    if (name.endsWith(SEALED) && identities.length) {
      const nobody = new Writable({ write: (_plain, _encoding, done) => done() });
      const read = pipeline(Readable.from(entry), counted, opening(identities), nobody);
      await read.catch((error: Error) => {
        throw error instanceof OtherIdentity
          ? error
          : new Error(`${name} in it is damaged (${error.message})`, { cause: error });
      });
    } else await pipeline(Readable.from(entry), counted.resume());
    const found = counted.part(name);
    if (found.bytes !== wanted.bytes || found.sha256 !== wanted.sha256) throw new Error(`${name} in it is damaged`);
    missing.delete(name);
  }).catch((error: Error) => {
    if (error instanceof OtherIdentity) throw error;
    throw new Error(`${file} is no backup that can be restored: ${explain(error)}`, { cause: error });
  });
  if (manifest && !missing.size) return manifest;
  const ended = manifest ? `${[...missing.keys()].join(", ")} in it is missing` : "its manifest is missing";
  throw new Error(`${file} is no backup that can be restored: it ends too early, ${ended}`);
}

const explain = ({ message }: Error) =>
  /unexpected end/i.test(message) ? "it ends too early" : /invalid tar/i.test(message) ? "it is no tar" : message;

/** Gives one part of a backup that was checked, as it was before it was encrypted. */
export async function readPart(file: BackupFile, { name }: Part, read: (content: Readable) => Promise<void>) {
  const open = opening(identitiesOf(file));
  await eachMember(pathOf(file), async (entry) => {
    if (entry.header.name === name)
      await read(name.endsWith(SEALED) ? Readable.from(open(entry)) : Readable.from(entry));
  });
}

export async function readText(file: BackupFile, part: Part): Promise<string> {
  let content = "";
  await readPart(file, part, async (stream) => {
    content = await text(stream);
  });
  return content;
}

async function eachMember(file: string, use: (entry: Entry) => Promise<void>): Promise<void> {
  const tar = extract();
  const reading = pipeline(createReadStream(file), tar);
  const using = (async () => {
    for await (const entry of tar) {
      await use(entry);
      entry.resume();
    }
  })();
  const [read, used] = await Promise.allSettled([reading, using]);
  // Whichever of the two fails ends the other, with its own error or with one that says so. `use` knows more of its own.
  const isOfUse =
    used.status === "rejected" && read.status === "rejected" && (used.reason as Error).cause === read.reason;
  const isFirst =
    read.status === "rejected" && !isOfUse && (read.reason as { code?: string }).code !== "ERR_STREAM_PREMATURE_CLOSE";
  for (const one of isFirst ? [read] : [used, read]) if (one.status === "rejected") throw one.reason as Error;
}
