import pc from "picocolors";
import { waitForHealth } from "../../components/docker/wait-for-health.ts";
import { connectDocker } from "../../components/docker/docker-connection.ts";
import { LITELLM_DATABASE } from "../../components/postgres/databases.ts";
import { type Contents, type PostgresTools, withPostgresTools } from "./databases.ts";
import { type BackupFile, readPart } from "./file.ts";
import type { Held } from "./held.ts";
import { type Manifest, rowsIn } from "./manifest.ts";
import { Progress } from "./progress.ts";
import { isServers, writeVolume } from "./volumes.ts";

/** How long a container may take to end; LiteLLM writes its rows of spend first. */
const STOP_SECONDS = 90;
const HEALTHY_SECONDS = 240;

/**
 * Puts what a backup has in the place of what a deployed stack holds. The databases are restored beside those that are
 * there, and compared, before anything is stopped; a failure up to then has changed nothing.
 *
 * @param meanwhile What is done while nobody uses the databases and volumes.
 */
export async function putBack(file: BackupFile, manifest: Manifest, held: Held, meanwhile: () => Promise<void>) {
  const docker = connectDocker(held.docker);
  const databases = manifest.databases.filter(({ name }) => held.databases.includes(name));
  const volumes = manifest.volumes.flatMap(({ name, part }) => {
    const volume = held.volumes.find((one) => one.name === name);
    return volume ? [{ volume, part }] : [];
  });
  const left = [...manifest.databases, ...manifest.volumes]
    .map(({ name }) => name)
    .filter((name) => ![...databases.map((one) => one.name), ...volumes.map((one) => one.volume.name)].includes(name));
  if (left.length) console.error(pc.yellow(`Not restored, because the stack does not have it now: ${left.join(", ")}`));

  const servers = volumes.filter(({ volume }) => isServers(volume)).map(({ volume }) => volume.container);
  // Not the ingress: it holds requests meanwhile, and of the record of calls nothing is replaced.
  const users = [...new Set([...servers, ...held.readers, held.litellm.container])];
  for (const name of users)
    await docker
      .getContainer(name)
      .inspect()
      .catch((error: Error) => {
        throw new Error(
          `nothing was changed: container ${name} is not as it should be (${error.message.trim()}). First: npm run up`,
        );
      });

  await withPostgresTools(docker, held, async (tools) => {
    const names = databases.map(({ name }) => name);
    try {
      await restoreBeside(tools, file, manifest, databases);
    } catch (error) {
      await tools.forget(names);
      throw new Error(`nothing was changed: ${(error as Error).message}`, { cause: error });
    }
    await whileStopped(held, users, async () => {
      await tools.swap(names);
      for (const { volume, part } of volumes)
        await Progress.step(`volume ${volume.name}`, async (progress) => {
          await readPart(file, part, (content) => writeVolume(docker, volume, content.pipe(progress.counter())));
          return [undefined, isServers(volume) ? "" : "what was missing"];
        });
      await meanwhile();
    });
  });
}

/**
 * Puts LiteLLM's database alone back to what a backup has of it. LiteLLM is stopped then, and is not started again: the one that
 * is there would make its own form of it.
 *
 * @param meanwhile What is done while nobody uses the database, which is still the one of now. If it fails, nothing has changed.
 */
export async function putBackLiteLlm(file: BackupFile, manifest: Manifest, held: Held, meanwhile: () => Promise<void>) {
  const { container } = held.litellm;
  const databases = manifest.databases.filter(({ name }) => name === LITELLM_DATABASE);
  if (!databases.length || !held.databases.includes(LITELLM_DATABASE))
    throw new Error(`nothing was changed: the backup or the stack has no database ${LITELLM_DATABASE}`);
  await withPostgresTools(connectDocker(held.docker), held, async (tools) => {
    try {
      await restoreBeside(tools, file, manifest, databases);
      await stopped(held, container);
      await meanwhile();
    } catch (error) {
      await Promise.allSettled([tools.forget([LITELLM_DATABASE]), started(held, container)]);
      throw new Error(`nothing was changed: ${(error as Error).message}`, { cause: error });
    }
    await tools.swap([LITELLM_DATABASE]);
  });
}

/** Restores databases of a backup beside those that are there, and compares them. */
async function restoreBeside(
  tools: PostgresTools,
  file: BackupFile,
  manifest: Manifest,
  databases: Manifest["databases"],
): Promise<void> {
  await checkVersion(tools, manifest);
  for (const database of databases)
    await Progress.step(`database ${database.name}, beside the one that is there`, async (progress) => {
      let contents: Contents | undefined;
      await readPart(file, database.part, async (dump) => {
        contents = await tools.contentsWithoutMissing(dump);
      });
      await readPart(file, database.part, (dump) =>
        tools.restoreBeside(database.name, dump.pipe(progress.counter()), database.rows, contents),
      );
      const without =
        contents?.missing.length && `; without ${contents.missing.join(", ")}, which this Postgres does not have`;
      return [undefined, `${rowsIn(database)} rows, compared${without || ""}`];
    });
}

async function checkVersion(tools: PostgresTools, { versions }: Manifest): Promise<void> {
  const major = (version: number) => Math.floor(version / 10_000);
  const now = major(await tools.version());
  if (now < major(versions.postgres))
    throw new Error(
      `the backup is of Postgres ${major(versions.postgres)}, and this server is ${now}: an older one cannot read it`,
    );
}

/**
 * Nobody uses what is replaced. The containers are started again, whatever has happened.
 *
 * @param containers In the order in which they are started, each when the one before it is healthy.
 */
async function whileStopped(held: Held, containers: readonly string[], act: () => Promise<void>) {
  try {
    for (const name of [...containers].reverse()) await stopped(held, name);
    await act();
  } catch (error) {
    await Promise.allSettled(containers.map((name) => started(held, name)));
    throw error;
  }
  for (const name of containers) {
    await started(held, name);
    await Progress.step(`${name} healthy again`, async () => [
      await waitForHealth({ docker: held.docker, container: name, withinSeconds: HEALTHY_SECONDS }),
      "",
    ]);
  }
}

/** 304: it is so already. */
const unlessAlready = (error: Error & { statusCode?: number }) => {
  if (error.statusCode !== 304) throw error;
};

const started = (held: Held, name: string) =>
  connectDocker(held.docker).getContainer(name).start().catch(unlessAlready);

const stopped = (held: Held, name: string) =>
  Progress.step(`${name} stopped`, async () => [
    await connectDocker(held.docker).getContainer(name).stop({ t: STOP_SECONDS }).catch(unlessAlready),
    "",
  ]);
