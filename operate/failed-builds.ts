import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { BUILD_LOGS } from "../components/docker/image-build.ts";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { isSsh } from "../components/docker/ssh-connection.ts";
import { projectRoot } from "../lib/project-root.ts";
import { buildImage, isThere } from "./listing/image.ts";
import type { Plan } from "./preview/plan.ts";
import type { OnRecord } from "./recovery/on-record.ts";

/** A package may have to be compiled. */
const BUILD_MS = 10 * 60_000;

/** The build of an image that ended in the middle. */
export interface FailedBuild {
  /** Of the image, without repository and tag. */
  readonly name: string;
  /** The step of the Dockerfile. */
  readonly step: string;
  /** The last lines that the step printed. */
  readonly lines: readonly string[];
}

/**
 * Over ssh the provider writes no log of a build. Of what was planned and is not on the host, each is built once more, so that it is
 * seen where the first ends that fails.
 *
 * @returns Its name, the error and the last lines.
 */
export async function whyNotBuilt(
  { endpoint }: Pick<OnRecord, "endpoint">,
  { builds }: Pick<Plan, "builds">,
): Promise<string | undefined> {
  if (!endpoint || !isSsh(endpoint)) return undefined;
  const docker = connectDocker(endpoint);
  for (const build of builds) {
    // A host that does not answer was named by the run itself.
    if (await isThere(docker, build.name).catch(() => true)) continue;
    const failure = `The image ${build.name} could not be built on the host`;
    try {
      await buildImage(docker, build, failure, console.log, AbortSignal.timeout(BUILD_MS));
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

/** What a build of BuildKit prints once more at its end when a step has failed, between two lines of dashes. */
const ENDING = /^-{6}\n > (.+?):?\n([\s\S]*?)^-{6}$/gm;

/** The builds of the last run that failed: the provider says only with which exit code. */
export async function failedBuilds(folder = path.join(projectRoot, BUILD_LOGS)): Promise<FailedBuild[]> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    // Where `up` ended before anything was to be built, it says why itself.
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = found.filter((file) => file.endsWith(".log")).sort();
  const builds = files.map(async (file) => {
    // Whatever a package prints as it is installed is for the terminal of whoever deploys.
    const text = stripVTControlCharacters(await readFile(path.join(folder, file), "utf8")).replaceAll("\r", "");
    const [, step, printed] = [...text.matchAll(ENDING)].at(-1) ?? [];
    if (step === undefined || printed === undefined) return [];
    return [{ name: path.basename(file, ".log"), step, lines: printed.trimEnd().split("\n") }];
  });
  return (await Promise.all(builds)).flat();
}
