import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connectDocker } from "../../components/docker/docker-connection.ts";
import { projectRoot } from "../../lib/project-root.ts";
import type { Pulumi } from "../deployed-stack.ts";
import { processIsAlive } from "../listing/throw-away.ts";
import { withPostgresTools } from "./databases.ts";
import { type Sealing, sealingFor } from "./encryption.ts";
import { checkBackup, Counted, writeBackup } from "./file.ts";
import type { Held } from "./held.ts";
import { FORMAT, type Manifest, type Part } from "./manifest.ts";
import { Progress, size } from "./progress.ts";
import { readVolume } from "./volumes.ts";

/** A folder that is written at the moment; at its end is the process that writes. */
const UNFINISHED = /^\..+\.unfinished-(\d+)$/;

/**
 * Makes one file of all that a stack holds. It has its name when it is whole, was read again from the disk and is as the
 * manifest says.
 *
 * @param to Folder; made where it is not there.
 * @param recipients Of age. Nothing is written down that is not encrypted for them, except for the manifest.
 */
export async function createBackup(
  pulumi: Pulumi,
  held: Held,
  to: string,
  recipients: readonly string[] = [],
): Promise<{ readonly file: string; readonly manifest: Manifest }> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  await removeUnfinished(to);
  const created = new Date();
  const name = `${pulumi.stack}-${created.toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
  const folder = path.join(to, `.${name}.unfinished-${process.pid}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    const sealing = await sealingFor(recipients);
    const manifest = await collect(pulumi, held, folder, created, sealing);
    const unfinished = path.join(folder, `${name}.tar`);
    await Progress.step("written and read again", async () => {
      await writeBackup(unfinished, manifest, folder);
      await checkBackup({ path: unfinished, identities: sealing.identities });
      return [undefined, size((await stat(unfinished)).size)];
    });
    const file = path.join(to, `${name}.tar`);
    await rename(unfinished, file);
    return { file, manifest };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes each part into a file of its name. */
async function collect(
  pulumi: Pulumi,
  held: Held,
  folder: string,
  created: Date,
  { recipients, nameOf, seal, open }: Sealing,
): Promise<Manifest> {
  const docker = connectDocker(held.docker);
  const inFolder = (name: string) => path.join(folder, name);
  const write = (name: string) => createWriteStream(inFolder(name), { mode: 0o600 });
  const kept = async (name: string, content: string): Promise<Part> => {
    const counted = new Counted();
    await pipeline(Readable.from([Buffer.from(content)]), seal, counted, write(nameOf(name)));
    return counted.part(nameOf(name));
  };
  const { version: program } = JSON.parse(await readFile(path.join(projectRoot, "package.json"), "utf8")) as {
    version: string;
  };
  const settingsFile = `Pulumi.${pulumi.stack}.yaml`;
  const settings = await kept(settingsFile, await readFile(path.join(projectRoot, settingsFile), "utf8"));
  const state = await kept("state.json", await pulumi.encryptedState());

  const databases: Manifest["databases"] = [];
  const postgres = await withPostgresTools(docker, held, async (tools) => {
    for (const name of held.databases)
      databases.push(
        await Progress.step(`database ${name}`, async (progress) => {
          const file = nameOf(`${name}.dump`);
          const [plain, counted] = [progress.counter(), new Counted()];
          const written = pipeline(plain, seal, counted, write(file));
          await Promise.all([written, tools.dump(name, plain)]);
          const part = counted.part(file);
          // Reads all of it, and not its list of contents alone.
          const rows = await tools.rowsOfDump(Readable.from(open(createReadStream(inFolder(file)))));
          const count = Object.values(rows).reduce((sum, one) => sum + one, 0);
          const said = `${size(part.bytes)}, ${Object.keys(rows).length} tables, ${count} rows`;
          return [{ name, part, rows }, said] as const;
        }),
      );
    return tools.version();
  });

  const volumes: Manifest["volumes"] = [];
  for (const volume of held.volumes)
    volumes.push(
      await Progress.step(`volume ${volume.name}`, async (progress) => {
        const file = nameOf(`${volume.name}.tar.gz`);
        let counted = new Counted();
        const writing: Promise<void>[] = [];
        const reading = readVolume(docker, volume, async () => {
          // Two readings that are the same are not the same when they are encrypted, so none may end within the other.
          await Promise.all(writing);
          counted = new Counted();
          const plain = progress.counter();
          const written = pipeline(plain, seal, counted, write(file));
          // A disk that is full ends the reading as well, and until that is known nobody waits for this one.
          written.catch(() => undefined);
          writing.push(written);
          return plain;
        });
        await reading.finally(() => Promise.all(writing));
        const part = counted.part(file);
        return [{ name: volume.name, part }, size(part.bytes)] as const;
      }),
    );

  const versions = { program, litellm: held.litellm.image, postgres };
  const { project, stack } = pulumi;
  return {
    format: FORMAT,
    project,
    stack,
    created: created.toISOString(),
    versions,
    ...(recipients.length && { encryption: { tool: "age" as const, recipients: [...recipients] } }),
    databases,
    volumes,
    state,
    settings,
  };
}

/** Removes what a killed run has left. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid] = UNFINISHED.exec(name) ?? [];
    if (pid !== undefined && !processIsAlive(Number(pid))) await rm(path.join(folder, name), { recursive: true });
  }
}
