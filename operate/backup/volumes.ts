import { createHash } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type Docker from "dockerode";
import { extract, type Headers, pack } from "tar-stream";
import { gone } from "../../components/docker/gone.ts";
import type { HeldVolume } from "./held.ts";

/** Nobody writes all the time but who is asked all the time. */
const READINGS = 5;

/**
 * Reads a volume, through Docker and without a program on the host, until two readings in a row are the same to the byte:
 * nobody has written in between, so no file is half of one state and half of another. The server goes on meanwhile.
 *
 * The record of calls only grows by whole lines, and whoever reads it leaves out a last one that is not whole: it is read
 * once.
 *
 * @param open Opens what the reading goes to, each time anew.
 * @throws Error when somebody writes all the time.
 */
export async function readVolume(docker: Docker, volume: HeldVolume, open: () => Promise<Writable>): Promise<void> {
  if (!isServers(volume)) {
    await readOnce(docker, volume, open);
    return;
  }
  let before: string | undefined;
  for (let reading = 0; reading < READINGS; reading++) {
    const hash = createHash("sha256");
    await readOnce(docker, volume, open, (chunk) => hash.update(chunk));
    const now = hash.digest("hex");
    if (now === before) return;
    before = now;
  }
  throw new Error(
    `volume ${volume.name}: its server writes all the time, so no reading of ${READINGS} is whole. On the host: docker stop ${volume.container}; ` +
      `then run the command again, and docker start ${volume.container}`,
  );
}

/** Nothing is opened for a container that is not there: nobody would end what is. */
async function readOnce(
  docker: Docker,
  volume: HeldVolume,
  open: () => Promise<Writable>,
  hears: (chunk: Buffer) => void = () => {},
): Promise<void> {
  const tar = await archive(docker, volume);
  try {
    const to = await open();
    // Not before: what is listened to flows.
    tar.on("data", hears);
    await pipeline(tar, createGzip(), to);
  } finally {
    tar.destroy();
  }
}

/** What clients stored in a server; otherwise the record of their calls. */
export const isServers = ({ name }: Pick<HeldVolume, "name">): boolean => name.startsWith("mcp-");

/** Works for a container that is stopped as well. */
const archive = async (docker: Docker, { container, path }: HeldVolume): Promise<Readable> =>
  (await docker.getContainer(container).getArchive({ path })) as unknown as Readable;

/** Without the folder that Docker puts first: `data/notes/a.json` is `notes/a.json`. */
const within = (name: string) => name.split("/").slice(1).join("/").replace(/\/$/, "");

/**
 * Puts what a backup has into a volume. What a server had stored since is gone; the record of calls is what happened, so
 * nothing of it is replaced, and files that are missing come back.
 *
 * Nobody may use the volume meanwhile.
 *
 * @param content As `readVolume` wrote it.
 */
export async function writeVolume(docker: Docker, volume: HeldVolume, content: Readable): Promise<void> {
  const container = docker.getContainer(volume.container);
  const { Config, Image } = await container.inspect();
  if (isServers(volume)) await empty(docker, volume, Image);
  const kept = isServers(volume) ? new Set<string>() : await filesIn(docker, volume);
  // A stack of another name gives its servers other users.
  const [, ...owner] = /^(\d+):(\d+)$/.exec(isServers(volume) ? Config.User : "") ?? [];

  const from = extract();
  const to = pack();
  const reading = pipeline(content, createGunzip(), from);
  const rewriting = (async () => {
    for await (const entry of from) {
      const name = within(entry.header.name);
      if (!name || kept.has(name)) {
        entry.resume();
        continue;
      }
      const { linkname, pax, ...rest } = entry.header as Headers & { readonly pax?: Readonly<Record<string, string>> };
      const header: Headers & { pax: Readonly<Record<string, string>> } = {
        ...rest,
        name,
        ...(linkname && { linkname: rest.type === "link" ? within(linkname) : linkname }),
        // In the fields of a tar itself there is room for numbers up to 262143, and servers have larger ones.
        pax: { uid: owner[0] ?? pax?.["uid"] ?? String(rest.uid), gid: owner[1] ?? pax?.["gid"] ?? String(rest.gid) },
      };
      await pipeline(entry, to.entry(header));
    }
    to.finalize();
  })().catch((error: Error) => {
    to.destroy(error);
    throw error;
  });
  // dockerode's types know no streams of this library.
  const writing = container.putArchive(to, { path: volume.path });
  await Promise.all([reading, rewriting, writing]);
}

async function filesIn(docker: Docker, volume: HeldVolume): Promise<Set<string>> {
  const from = extract();
  const found = new Set<string>();
  const reading = pipeline(await archive(docker, volume), from);
  for await (const entry of from) {
    if (entry.header.type !== "directory") found.add(within(entry.header.name));
    entry.resume();
  }
  await reading;
  return found;
}

/** By a container that is root, but reaches this one volume alone. */
async function empty(docker: Docker, volume: HeldVolume, image: string): Promise<void> {
  const { Mounts } = await docker.getContainer(volume.container).inspect();
  const mount = Mounts.find(({ Destination }) => Destination === volume.path);
  if (!mount?.Name) throw new Error(`container ${volume.container} has no volume at ${volume.path}: npm run up`);
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ["find", volume.path, "-mindepth", "1", "-delete"],
    Cmd: [],
    User: "0:0",
    Labels: { project: "litellm" },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: ["CAP_DAC_OVERRIDE", "CAP_FOWNER"],
      SecurityOpt: ["no-new-privileges:true"],
      Memory: 64 * 2 ** 20,
      Mounts: [{ Type: "volume", Source: mount.Name, Target: volume.path }],
    },
  });
  try {
    await container.start();
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    if (exitCode !== 0) throw new Error(`volume ${volume.name}: it cannot be emptied (exit code ${exitCode})`);
  } finally {
    await gone(container.remove({ force: true, v: true }));
  }
}
