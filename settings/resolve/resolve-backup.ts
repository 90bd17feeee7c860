import { type Context, stackPath } from "../context.ts";
import type { BackupConfig } from "../schemas/backup-schema.ts";
import { POSTGRES_IMAGE } from "../schemas/stack-schema.ts";
import type { BackupSettings, PostgresSettings } from "../settings.ts";
import { exposesEngine, exposesSystem, SYSTEM_DIRECTORIES } from "./risks.ts";

/** Judged before everything else is known, so that it is told with all other problems. */
export function checkBackup({ to }: BackupConfig, { stackFile, problems }: Pick<Context, "stackFile" | "problems">) {
  if (to !== undefined && (exposesEngine(to) || exposesSystem(to)))
    problems.add(
      stackFile,
      stackPath("backup", "to"),
      to,
      `a directory made for backups, such as /srv/backups: ${SYSTEM_DIRECTORIES.join(", ")} belong to the host's own system`,
    );
}

export const resolveBackup = (
  { at, keep, to, recipients, image }: BackupConfig,
  postgres: PostgresSettings,
  namePrefix: string,
): BackupSettings => ({
  at,
  keep,
  to,
  recipients,
  image: image ?? (postgres.kind === "dedicated" ? postgres.image : POSTGRES_IMAGE),
  container: `${namePrefix}backup`,
  volume: `${namePrefix}backups`,
  toldVolume: `${namePrefix}backup-told`,
});
