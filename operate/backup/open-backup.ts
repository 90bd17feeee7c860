import path from "node:path";
import { askPassphrase } from "./ask-passphrase.ts";
import { OtherIdentity } from "./encryption.ts";
import { type BackupFile, checkBackup } from "./file.ts";
import { readIdentities, recipientsOfIdentities } from "./identity.ts";
import type { Manifest } from "./manifest.ts";

/** What `--identity` names. */
export interface Opener {
  /** As it was given; undefined without it. */
  readonly file: string | undefined;
  readonly identities: readonly string[];
}

/** @param given Path of a file with identities of age, which may itself be encrypted. */
export async function readOpener(given: string | undefined): Promise<Opener> {
  return {
    file: given,
    identities: given === undefined ? [] : await readIdentities(path.resolve(given), askPassphrase),
  };
}

export interface OpenedBackup {
  readonly backup: Exclude<BackupFile, string>;
  readonly manifest: Manifest;
}

/**
 * A backup that is whole, and what is in it. One that is encrypted is opened, if there is something to open it with.
 *
 * @throws Error that says what is wrong with the file, or that the identity is another one.
 */
export async function openBackup(file: string, opener: Opener): Promise<OpenedBackup> {
  const backup = { path: file, identities: opener.identities };
  const manifest = await checkBackup(backup).catch(async (error: Error) => {
    throw error instanceof OtherIdentity ? await otherIdentity(file, opener) : error;
  });
  return { backup, manifest };
}

/**
 * @param how The command with the identity.
 * @throws Error for a backup that is encrypted, where nothing was given to open it with.
 */
export function refuseUnopened({ backup, manifest }: OpenedBackup, how: string): void {
  if (!manifest.encryption || backup.identities.length) return;
  throw new Error(
    `nothing was changed: ${backup.path} is encrypted for ${manifest.encryption.recipients.join(", ")}. Say which file has the identity of one of them, a line ` +
      `AGE-SECRET-KEY-1…: ${how}. Without it nobody can read the backup`,
  );
}

async function otherIdentity(file: string, opener: Opener): Promise<Error> {
  const { encryption } = await checkBackup(file);
  const own = await recipientsOfIdentities(opener.identities);
  return new Error(
    `nothing was changed: ${opener.file} does not open ${file}. It has the identity of ${own.join(", ")}, and the backup is encrypted for ` +
      `${encryption?.recipients.join(", ")}: bring the identity of one of these. Without it nobody can read the backup`,
  );
}
