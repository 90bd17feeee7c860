import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { confirm, isCancel } from "@clack/prompts";
import { prepareEngine } from "./engine.ts";
import { prepareImages } from "./images.ts";
import { demandedImages } from "../lab/docker/images.ts";
import { type Ask, installPackages } from "./system-packages.ts";
import { projectRoot } from "../lib/project-root.ts";
import { preparePulumi } from "./toolchain.ts";

export interface Needs {
  /** Install system packages without asking, as is always done in CI and where nobody can answer. */
  readonly yes: boolean;
  /** A Docker engine on this machine, with the images. */
  readonly engine: boolean;
  /** Images of the lab's catalogue that are made on demand only. */
  readonly images?: readonly string[];
  /** Other programs that the caller needs → Debian packages that have them. */
  readonly packages?: Readonly<Record<string, string>>;
}

/** Whether a stack deploys to this machine's Docker, as one without a file does, and not over ssh to another host. */
export const deploysHere = async (stack: string): Promise<boolean> =>
  !/^\s*host: *["']?ssh:/m.test(await stackFile(stack));

const stackFile = (stack: string) => textOf(`Pulumi.${stack}.yaml`);

/** A file of the project; one that is not there is empty. */
const textOf = (file: string) =>
  readFile(path.join(projectRoot, file), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });

/** Images made on demand that a stack's file names, or the folder of an MCP server that is named there. */
export async function imagesOf(stack: string): Promise<string[]> {
  const servers = await Promise.all(
    (await readdir(path.join(projectRoot, "mcp"))).map(async (name) => ({
      name,
      text: await textOf(path.join("mcp", name, "server.yaml")),
    })),
  );
  return demandedImages(await stackFile(stack), servers);
}

/** Asks on the terminal, or, where nobody can answer, only says what is installed. */
export function asking(yes: boolean): Ask {
  // Without stdout nobody sees the question: eval "$(npm run env)".
  const unattended = yes || process.env.CI === "true" || !process.stdin.isTTY || !process.stdout.isTTY;
  return async (what, packages) => {
    const question = `${what}: install the system packages ${packages.join(" ")}?`;
    if (unattended) {
      process.stderr.write(`${question} yes (unattended)\n`);
      return;
    }
    const answer = await confirm({ message: question });
    if (isCancel(answer) || !answer)
      throw new Error(`Not installed. To install it yourself: sudo apt-get install ${packages.join(" ")}`);
  };
}

/**
 * Finds or makes what this machine needs to run the project: Pulumi with its plug-ins, a Docker engine, the images.
 * What is there is used as it is, what can be downloaded is downloaded, and the rest is built from package registries.
 *
 * @returns Variables to add to the environment of whatever runs next.
 */
export async function prepare({ yes, engine, images = [], packages = {} }: Needs): Promise<Record<string, string>> {
  const ask = asking(yes);
  await installPackages("the tests", packages, ask);
  if (engine) {
    await prepareEngine(ask);
    await prepareImages(ask, images);
  }
  const pulumi = await preparePulumi(ask);
  return { ...pulumi.env, PATH: [...pulumi.bin, process.env.PATH].join(":") };
}

/** A Docker engine on this machine with these images of the lab's catalogue: for what needs neither Pulumi nor a gateway. */
export async function prepareDocker(yes: boolean, images: readonly string[]): Promise<void> {
  const ask = asking(yes);
  await prepareEngine(ask);
  await prepareImages(ask, [], images);
}
