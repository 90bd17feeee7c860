import type Docker from "dockerode";
import pc from "picocolors";
import { step } from "../../bootstrap/steps.ts";
import { connectDocker } from "../../components/docker/docker-connection.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import { containerOf, DATABASE_TYPE, POSTGRES } from "../../components/resource-names.ts";
import { type BeforeChange, deploy, NotDeployed } from "../deploy.ts";
import type { Pulumi } from "../deployed-stack.ts";
import { allDifferences, describe, type Difference, type Found, ofStack, remove, unrecorded } from "./on-daemon.ts";
import { describeLock, isStale, type Lock, locksOf, unlock } from "./stack-lock.ts";
import type { OnRecord, Pending } from "./on-record.ts";

/** The stack that is looked at. */
type Stack = Pick<Pulumi, "stack" | "project" | "backendUrl" | "onRecord" | "containerName" | "refresh">;

type Locked = Pick<Stack, "stack" | "project" | "backendUrl">;
type Recorded = Pick<Stack, "onRecord">;
type Deploying = Pick<Pulumi, "stack" | "preview" | "onRecord" | "held" | "up">;

/** What somebody has changed on the daemon since the last run. */
export interface Changed {
  readonly differences: readonly Difference[];
  /** Undefined where nothing is deployed, or the daemon does not answer. */
  readonly docker: Docker | undefined;
}

/**
 * Makes a stack ready that an earlier run has left half-way: Pulumi would find it locked, and stumble over what it does
 * not know to have made.
 *
 * @throws Error while somebody else deploys the stack.
 */
export async function recover(pulumi: Stack): Promise<Changed> {
  const nothing = { differences: [], docker: undefined };
  const isAlone = await takeStaleLock(pulumi);
  const record = await pulumi.onRecord();
  const { stackId, endpoint } = record;
  if (stackId === undefined || endpoint === undefined) return nothing;

  const docker = connectDocker(endpoint);
  const found = await ofStack(docker, stackId).catch((error: Error) => {
    // The run itself asks the same daemon, or another one that the settings name now, and says what is the matter.
    console.error(pc.yellow(notLookedAt(endpoint.host, error.message)));
    return undefined;
  });
  if (!found) return nothing;
  const leftOver = unrecorded(record, found);
  if (leftOver.length) await removeLeftOver(pulumi, docker, leftOver, isAlone);
  if (record.pending.length) await settle(pulumi, record, docker);
  return { differences: await allDifferences(docker, record, found), docker };
}

interface HowToDeploy {
  readonly refresh?: boolean;
  readonly beforeChange?: BeforeChange;
  readonly beside?: () => void;
}

/**
 * Deploys, and brings back what somebody has changed on the host: Pulumi takes it for deployed.
 *
 * @param refresh Whether Pulumi itself looks at each thing on the host first, and not only at what is told by the way.
 * @param beside Called where nothing on the host is known to differ, before it is found out what the settings say otherwise.
 * @returns Whether something was deployed.
 */
export async function deployAndRepair(
  pulumi: Stack & Deploying,
  { refresh = false, beforeChange, beside }: HowToDeploy = {},
): Promise<boolean> {
  const { differences: changed, docker } = await recover(pulumi);
  if (docker && !changed.length && !refresh) beside?.();
  if (changed.length) console.log(pc.yellow(`Changed on the host since the last run: ${sentence(changed)}.`));
  const those = (wanted: Difference["repair"]) => changed.filter(({ repair }) => repair === wanted);
  // Pulumi does not know of pauses.
  for (const { id } of those("unpause")) await docker?.getContainer(id).unpause();
  if (refresh || those("refresh").length) await lookAgain(pulumi);
  const replaced = [...new Set(those("replace").map(({ urn }) => urn))];
  return deploy(pulumi, replaced, beforeChange).catch((error: Error) => deployAgain(pulumi, error, beforeChange));
}

/**
 * What failed may have done so because of something that somebody has changed on the host, such as a key that is gone:
 * when a look at everything there finds more to bring back than was planned, it is brought back.
 */
export async function deployAgain(
  pulumi: Pick<Pulumi, "refresh"> & Recorded & Deploying,
  error: Error,
  beforeChange?: BeforeChange,
): Promise<boolean> {
  if (!(error instanceof NotDeployed)) throw error;
  await lookAgain(pulumi).catch(async (unseen: Error) => {
    // Mostly for the reason for which it was not deployed: the host is not reached any more.
    console.error(pc.yellow(await whyUnseen(pulumi, unseen)));
    throw error;
  });
  const { changes } = await pulumi.preview();
  if (changes.every(({ urn }) => error.planned.has(urn))) throw error;
  console.error(
    pc.yellow("Something is otherwise on the host than it was deployed. Once more, with that brought back:"),
  );
  return deploy(pulumi, [], beforeChange);
}

async function whyUnseen(pulumi: Recorded, unseen: Error): Promise<string> {
  const { endpoint } = await pulumi.onRecord();
  if (!endpoint) return unseen.message;
  const said: unknown = await connectDocker(endpoint)
    .ping()
    .catch((error: Error) => error);
  return said instanceof Error ? notLookedAt(endpoint.host, said.message) : unseen.message;
}

const notLookedAt = (host: string, why: string) => `Not looked at: ${host} does not answer (${why}).`;

const sentence = (changed: readonly Difference[]) => changed.map((one) => `${describe([one])} ${one.is}`).join(", ");

/** Compares the state with what there is on the host, which the next deployment then brings back to what the settings say. */
export async function lookAgain(pulumi: Pick<Pulumi, "refresh">): Promise<void> {
  await step("look at what is on the host", () => pulumi.refresh());
}

/** Removes what is left of a stack that has been destroyed, because a run was ended before it had written it down. */
export async function removeRemains({ stackId, endpoint }: OnRecord): Promise<void> {
  if (stackId === undefined || endpoint === undefined) return;
  const docker = connectDocker(endpoint);
  const found = await ofStack(docker, stackId);
  if (!found.length) return;
  await remove(docker, found);
  console.log(pc.yellow(`Left by an interrupted run: ${describe(found)}. Removed.`));
}

/**
 * The locks of runs that were killed; undefined where the backend does not tell.
 *
 * @throws Error while somebody deploys the stack.
 */
async function staleLocks(pulumi: Locked): Promise<readonly Lock[] | undefined> {
  const locks = await locksOf(await pulumi.backendUrl(), pulumi.project, pulumi.stack);
  for (const lock of locks ?? [])
    if (!(await isStale(lock)))
      throw new Error(
        `stack ${pulumi.stack} is locked by ${describeLock(lock)}. Wait until that has ended; if its machine is gone for good: ` +
          `eval "$(npm run --silent env)" && pulumi cancel --stack ${pulumi.stack}`,
      );
  return locks;
}

/**
 * Removes what an interrupted run has left, if that is still so: since it was found, somebody may have begun to deploy, or
 * may have deployed it, and then it is theirs.
 *
 * @throws Error when it is not so any more.
 */
export async function removeIfLeftOver(pulumi: Locked & Recorded, docker: Docker, one: Found): Promise<void> {
  await staleLocks(pulumi);
  if (!unrecorded(await pulumi.onRecord(), [one]).length) throw new Error("somebody has deployed the stack meanwhile");
  await remove(docker, [one]);
}

/**
 * @returns Whether nobody else deploys the stack now; false where the backend does not tell.
 * @throws Error while somebody does.
 */
async function takeStaleLock(pulumi: Stack): Promise<boolean> {
  const locks = await staleLocks(pulumi);
  for (const lock of locks ?? []) {
    await unlock(lock);
    console.log(pc.yellow(`A run was interrupted (${describeLock(lock)}). Its lock is taken away.`));
  }
  return locks !== undefined;
}

async function removeLeftOver(pulumi: Stack, docker: Docker, leftOver: readonly Found[], isAlone: boolean) {
  if (!isAlone) {
    // What a run beside this one has just made looks the same.
    console.log(
      pc.yellow(`Not in the state of the stack: ${describe(leftOver)}. If nobody else deploys it now, an interrupted run has left
them; where this run ends with "already exists" or "already in use": docker rm -f, docker network rm, and run it again.`),
    );
    return;
  }
  // Somebody may have begun while the daemon was asked.
  await takeStaleLock(pulumi);
  await remove(docker, leftOver);
  console.log(
    pc.yellow(`An interrupted run had made these and not written them down: ${describe(leftOver)}. Removed.`),
  );
}

/** Lets Pulumi find out how far the operations came that an interrupted run had begun. */
async function settle(pulumi: Stack, { pending }: OnRecord, docker: Docker): Promise<void> {
  console.log(pc.yellow(`An interrupted run had begun ${pending.length} operations; how far they came is looked up:`));
  const statements = dropping(pending);
  const postgres = await pulumi.containerName(containerOf(POSTGRES));
  if (statements.length && postgres !== undefined) await dropIn(docker, postgres, statements);
  else if (statements.length)
    console.log(
      pc.yellow("If this run ends with `already exists`, the interrupted one had made these; as administrator:\n  ") +
        statements.join("\n  "),
    );
  await lookAgain(pulumi);
}

/**
 * SQL that takes away what a run may have made in Postgres without writing it down: another attempt fails where it is
 * there already. Nothing can be in it yet, since whatever uses it is made after it.
 */
export function dropping(pending: readonly Pending[]): string[] {
  const named = (type: string) =>
    pending.flatMap((one) => (one.isCreating && one.type === type && one.name !== undefined ? [one.name] : []));
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  // A role that has a database cannot be dropped.
  return [
    ...named(DATABASE_TYPE).map((name) => `DROP DATABASE IF EXISTS ${quoted(name)};`),
    ...named("postgresql:index/role:Role").map((name) => `DROP ROLE IF EXISTS ${quoted(name)};`),
  ];
}

/** In the container of the stack's own Postgres the administrator needs no password. */
async function dropIn(docker: Docker, container: string, statements: readonly string[]): Promise<void> {
  const psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", POSTGRES_ADMIN];
  const failed = (why: string) =>
    new Error(`${container}: what an interrupted run had begun to make in Postgres cannot be taken away: ${why}`);
  const { exitCode, stderr } = await runInContainer(docker, container, psql, `${statements.join("\n")}\n`).catch(
    (error: Error) => {
      throw failed(`${error.message}. On the host: docker start ${container}; then run the command again`);
    },
  );
  if (exitCode !== 0) throw failed(stderr.trim());
}
