import { constants } from "node:fs";
import { copyFile, readdir } from "node:fs/promises";
import path from "node:path";
import { projectRoot } from "../lib/project-root.ts";

/**
 * Copies the stack file of a stack from its example, `Pulumi.<stack>.yaml.example`, if it has an example and no file yet.
 * Pulumi writes into the file; the example is what is committed.
 *
 * @throws Error when there is neither: Pulumi would make a stack of that name, without settings.
 */
export async function copyExample(stack: string, folder = projectRoot): Promise<void> {
  const name = `Pulumi.${stack}.yaml`;
  const file = path.join(folder, name);
  await copyFile(`${file}.example`, file, constants.COPYFILE_EXCL).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return;
    if (error.code !== "ENOENT") throw error;
    const stacks = (await readdir(folder)).flatMap((one) => /^Pulumi\.(.+)\.yaml(\.example)?$/.exec(one)?.[1] ?? []);
    if (!stacks.includes(stack))
      throw new Error(
        `--stack ${stack}: there is no ${name}. There are settings for ${[...new Set(stacks)].sort().join(", ")}; for a new ` +
          `stack write ${name} first`,
        { cause: error },
      );
  });
}
