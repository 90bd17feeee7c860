import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { BUILD_LOGS } from "../components/docker/image-build.ts";
import { projectRoot } from "../lib/project-root.ts";

/** The build of an image that ended in the middle. */
export interface FailedBuild {
  /** Of the image, without repository and tag. */
  readonly name: string;
  /** The step of the Dockerfile. */
  readonly step: string;
  /** The last lines that the step printed. */
  readonly lines: readonly string[];
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
