import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { pack } from "tar-stream";
import { known } from "../../components/docker/gone.ts";
import { adapterImage } from "../../components/mcp/adapter-image.ts";
import { projectRoot } from "../../lib/project-root.ts";
import type { ServerSettings } from "../../settings/settings.ts";
import type { PlannedBuild } from "../preview/plan.ts";
import { visible } from "../../approval/tool-scan.ts";

/** What an image with the adapter is made of. */
type Built = Pick<ServerSettings, "name" | "folder" | "source" | "toolLock">;

const LOG_LINES = 25;

/** The images that every image with the adapter begins with. */
export const baseImages = (): string[] =>
  [...readFileSync(path.join(projectRoot, "adapter", "Dockerfile"), "utf8").matchAll(/^ARG \w+_IMAGE=(.+)$/gm)].map(
    ([, image]) => image!,
  );

/**
 * Makes sure that the image with a server's adapter is on the daemon: the one that `up` makes of the same folder.
 *
 * @param say Progress, line by line.
 * @returns Its name.
 * @throws Error with the last lines of the build's log.
 */
export async function ensureAdapterImage(
  docker: Docker,
  server: Built,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const image = adapterImage(server);
  const name = image.name as string;
  if (await isThere(docker, name)) return name;
  const build = { ...(image.build as Omit<PlannedBuild, "name">), name };
  await buildImage(docker, build, `mcp/${server.name}: its image cannot be built`, say, signal);
  return name;
}

/**
 * Builds an image of this program on a daemon.
 *
 * @param say Progress, line by line.
 * @param failure What the error begins with.
 * @throws Error with the last lines of the build's log.
 */
export async function buildImage(
  docker: Docker,
  { name, context, dockerfile, buildArgs }: PlannedBuild,
  failure: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  say(`→ build the image ${name}`);
  const progress = await docker.buildImage(archive(path.join(projectRoot, context)), {
    ...{ t: name, dockerfile, buildargs: buildArgs, rm: true, forcerm: true, abortSignal: signal },
  } as Docker.ImageBuildOptions);
  await follow(progress as Readable, say, failure, signal);
}

/** Makes sure that somebody else's image is on the daemon. */
export async function ensureImage(
  docker: Docker,
  reference: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await isThere(docker, reference)) return;
  say(`→ ${reference} is not on this daemon: pull it`);
  const failure = `${reference} cannot be pulled`;
  const progress = await docker.pull(reference, { abortSignal: signal }).catch((error: Error) => {
    throw new Error(`${failure}: ${error.message}`, { cause: error });
  });
  await follow(progress as Readable, () => {}, failure, signal);
}

/** A build context as the docker command sends it: its files are root's, so that both find the layers that the other made. */
function archive(folder: string): Readable {
  const tar = pack();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    tar.entry({ name: path.relative(folder, file), mode: statSync(file).mode & 0o777 }, readFileSync(file));
  }
  tar.finalize();
  return tar;
}

/** Whether a daemon has an image. */
export const isThere = async (docker: Docker, name: string): Promise<boolean> =>
  (await known(docker.getImage(name).inspect())) !== undefined;

/** Reads what Docker says of its progress to the end. */
async function follow(
  progress: Readable,
  say: (line: string) => void,
  failure: string,
  signal: AbortSignal,
): Promise<void> {
  const last: string[] = [];
  const stop = () => progress.destroy();
  signal.addEventListener("abort", stop);
  try {
    for await (const line of createInterface({ input: progress })) {
      if (!line.trim()) continue;
      const { stream = "", error } = JSON.parse(line) as { stream?: string; error?: string };
      if (error !== undefined)
        throw new Error([failure, `: ${visible(error.trim())}`, ...last.map((each) => `\n    ${each}`)].join(""));
      for (const text of stream.split("\n").filter((each) => each.trim())) {
        last.push(visible(text.trimEnd()));
        if (last.length > LOG_LINES) last.shift();
        if (/^Step \d+\/\d+ : RUN/.test(text)) say(`  ${visible(text).slice(0, 110)}`);
      }
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
