import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import path from "node:path";
import { projectRoot } from "../lib/project-root.ts";

/**
 * Copies the stack file of a stack from its example, `Pulumi.<stack>.yaml.example`, if it has an example and no file yet.
 * Pulumi writes into the file; the example is what is committed.
 */
export async function copyExample(stack: string, folder = projectRoot): Promise<void> {
  const file = path.join(folder, `Pulumi.${stack}.yaml`);
  await copyFile(`${file}.example`, file, constants.COPYFILE_EXCL).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST" && error.code !== "ENOENT") throw error;
  });
}
