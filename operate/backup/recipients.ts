import { projectRoot } from "../../lib/project-root.ts";
import { stackPath } from "../../settings/context.ts";
import { Problems } from "../../settings/problems.ts";
import { recipient } from "../../settings/schemas/backup-schema.ts";
import { stackKeys } from "../../settings/schemas/stack-schema.ts";
import { configIn, readStackFile } from "../config/stack-config.ts";

/**
 * For whom the settings of a stack say that backups are encrypted. Of the file, and not of what is deployed: who has written it
 * there wants no more that are not.
 *
 * @throws SettingsError; Error when there is no such file.
 */
export function recipientsOf(stack: string, folder = projectRoot): readonly string[] {
  const { file, text } = readStackFile(stack, folder);
  const problems = new Problems();
  const backup = problems.parse(stackKeys.backup, configIn(text)[stackPath("backup")], file, stackPath("backup"));
  problems.complete({});
  return backup?.recipients ?? [];
}

/** @throws Error that says what to write for the first that is none. */
export function readRecipients(given: readonly string[]): readonly string[] {
  for (const one of given) {
    const { error } = recipient.safeParse(one);
    // What was written may be the secret half.
    if (error) throw new Error(`--recipient: write ${error.issues[0]!.message}`);
  }
  return given;
}
