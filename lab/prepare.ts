import { confirm, isCancel } from "@clack/prompts";
import { prepareEngine } from "./docker/engine.ts";
import { prepareImages } from "./docker/images.ts";
import type { Ask } from "./docker/system-packages.ts";
import { preparePulumi } from "./pulumi/toolchain.ts";

/**
 * Finds or makes what this machine needs to run the project: Pulumi with its plug-ins, a Docker engine, the images.
 * What is there is used as it is; what can be downloaded is; the rest is built from package registries.
 *
 * @param options.yes Install system packages without asking. So it is, too, in CI and where nobody can answer.
 * @returns Variables to add to the environment of whatever runs next.
 */
export async function prepare({ yes }: { yes: boolean }): Promise<Record<string, string>> {
  const unattended = yes || process.env.CI === "true" || !process.stdin.isTTY;
  const ask: Ask = async (what, packages) => {
    const question = `${what}: install the system packages ${packages.join(" ")}?`;
    if (unattended) {
      process.stderr.write(`${question} yes (unattended)\n`);
      return;
    }
    const answer = await confirm({ message: question });
    if (isCancel(answer) || !answer) throw new Error(`Not installed. By hand: sudo apt-get install ${packages.join(" ")}`);
  };
  await prepareEngine(ask);
  await prepareImages(ask);
  const pulumi = await preparePulumi();
  return { ...pulumi.env, PATH: [...pulumi.bin, process.env.PATH].join(":") };
}
