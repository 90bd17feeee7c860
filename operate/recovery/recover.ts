import type Docker from "dockerode";
import pc from "picocolors";
import { connectDocker } from "../../components/docker/docker-connection.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import { containerOf, POSTGRES } from "../../components/resource-names.ts";
import type { Pulumi } from "../deployed-stack.ts";
import { describe, type Difference, differences, ofStack, remove, unrecorded } from "./on-daemon.ts";
import { describeLock, isStale, locksOf, unlock } from "./stack-lock.ts";
import type { OnRecord, Pending } from "./stored-state.ts";

/**
 * Makes a stack ready that an earlier run has left half-way: Pulumi would find it locked, and stumble over what it does
 * not know to have made.
 *
 * @returns What somebody has changed on the daemon since.
 * @throws Error while somebody else deploys the stack.
 */
export async function recover(pulumi: Pulumi): Promise<readonly Difference[]> {
  await takeStaleLock(pulumi);
  const record = await pulumi.onRecord();
  const { stackId, endpoint } = record;
  if (stackId === undefined || endpoint === undefined) return [];

  const docker = connectDocker(endpoint);
  const found = await ofStack(docker, stackId).catch((error: Error) => {
    // The run itself asks the same daemon, or another one that the settings name now, and says what is the matter.
    console.error(pc.yellow(`Not looked at: ${endpoint.host} does not answer (${error.message}).`));
    return undefined;
  });
  if (!found) return [];
  const leftOver = unrecorded(record, found);
  if (leftOver.length) {
    await remove(docker, leftOver);
    console.log(
      pc.yellow(`An interrupted run had made these and not written them down: ${describe(leftOver)}. Removed.`),
    );
  }
  if (record.pending.length) await settle(pulumi, record, docker);
  return differences(record, found);
}

/**
 * Deploys, and brings back what somebody has stopped, paused or removed: Pulumi takes it for deployed.
 *
 * @returns Pulumi's exit code.
 */
export async function upAndRepair(pulumi: Pulumi): Promise<number> {
  const changed = await recover(pulumi);
  if (changed.length)
    console.log(
      pc.yellow(`Changed since the last run: ${changed.map((one) => `${describe([one])} is ${one.is}`).join(", ")}.`),
    );
  const { endpoint } = await pulumi.onRecord();
  // Pulumi does not know of pauses.
  for (const { is, id } of changed)
    if (is === "paused" && endpoint) await connectDocker(endpoint).getContainer(id).unpause();
  return pulumi.up({ refresh: changed.some(({ is }) => is !== "paused") });
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

async function takeStaleLock(pulumi: Pulumi): Promise<void> {
  for (const lock of await locksOf(await pulumi.backendUrl(), pulumi.project, pulumi.stack)) {
    if (!(await isStale(lock)))
      throw new Error(
        `stack ${pulumi.stack} is locked by ${describeLock(lock)}. Wait until that has ended; if its machine is gone for good: ` +
          `eval "$(npm run --silent env)" && pulumi cancel --stack ${pulumi.stack}`,
      );
    await unlock(lock);
    console.log(pc.yellow(`A run was interrupted (${describeLock(lock)}). Its lock is taken away.`));
  }
}

/** Lets Pulumi find out how far the operations came that an interrupted run had begun. */
async function settle(pulumi: Pulumi, { pending }: OnRecord, docker: Docker): Promise<void> {
  console.log(pc.yellow(`An interrupted run had begun ${pending.length} operations; how far they came is looked up:`));
  const statements = dropping(pending);
  const postgres = await pulumi.containerName(containerOf(POSTGRES));
  if (statements.length && postgres !== undefined) await dropIn(docker, postgres, statements);
  else if (statements.length)
    console.log(
      pc.yellow("If this run ends with `already exists`, the interrupted one had made these; as administrator:\n  ") +
        statements.join("\n  "),
    );
  const exitCode = await pulumi.refresh();
  if (exitCode !== 0) throw new Error("nothing was deployed: read the message above, fix it and run the command again");
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
    ...named("postgresql:index/database:Database").map((name) => `DROP DATABASE IF EXISTS ${quoted(name)};`),
    ...named("postgresql:index/role:Role").map((name) => `DROP ROLE IF EXISTS ${quoted(name)};`),
  ];
}

/** In the container of the stack's own Postgres the administrator needs no password. */
async function dropIn(docker: Docker, container: string, statements: readonly string[]): Promise<void> {
  const psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", POSTGRES_ADMIN];
  const { exitCode, stderr } = await runInContainer(docker, container, psql, `${statements.join("\n")}\n`);
  if (exitCode !== 0) throw new Error(`${container}: what an interrupted run had made stays: ${stderr.trim()}`);
}
