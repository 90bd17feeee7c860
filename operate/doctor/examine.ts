import type Docker from "dockerode";
import pMap from "p-map";
import { connectDocker, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { stackArguments } from "../command.ts";
import type { Pulumi } from "../deployed-stack.ts";
import { allDifferences, describe, ofStack, unrecorded } from "../recovery/on-daemon.ts";
import { describeLock, isStale, locksOf } from "../recovery/stack-lock.ts";
import { collect } from "../status/collect.ts";
import type { Deployed } from "../status/deployed.ts";
import { problemsOf, type Status } from "../status/status.ts";
import { check } from "../verify.ts";
import { examine } from "./container.ts";
import type { Finding } from "./finding.ts";

/** What is told of each examination, as it begins. */
export type Progress = (what: string) => void;

/** A clock that is so far off makes times of the record, and budgets of a day, wrong. */
const CLOCK_SECONDS = 60;
const FULL_PERCENT = 90;

/**
 * Looks at a stack from its state to a call of each tool, and goes no further where all that follows would fail as well.
 * Nothing is changed.
 */
export async function findings(pulumi: Pulumi, progress: Progress): Promise<Finding[]> {
  const up = `npm run up${stackArguments(pulumi.stack)}`;
  progress("who else deploys it");
  const locked = await lock(pulumi, up);
  // What is half made at this moment is no fault.
  if (locked.some(({ isLive }) => isLive)) return locked.map(({ finding }) => finding);

  progress("settings and host, as npm run up looks at them");
  const { errors, changes } = await pulumi.preview();
  const before: Finding[] = [
    ...locked.map(({ finding }) => finding),
    ...errors.map((seen) => ({
      seen,
      means: "npm run up would stop there, with nothing changed",
      fix: "what it says",
    })),
  ];
  const record = await pulumi.onRecord();
  const { stackId, endpoint } = record;
  if (stackId === undefined || endpoint === undefined || !record.deployed.some(({ kind }) => kind === "container"))
    return [...before, { seen: `nothing of stack ${pulumi.stack} is deployed`, fix: up }];

  progress("what is on the host");
  const docker = connectDocker(endpoint);
  const there = await ofStack(docker, stackId).catch((error: Error) => error);
  if (there instanceof Error)
    // The host was looked at before, and there was said in words what this means.
    return errors.length
      ? before
      : [...before, { seen: `Docker at ${endpoint.host} does not answer: ${there.message}`, fix: `docker ps there` }];
  const changed = await allDifferences(docker, record, there);
  const known = new Set(changed.map(({ name }) => name));
  const onHost: Finding[] = [
    ...changed.map((one) => ({
      seen: `${describe([one])} ${one.is}`,
      means: "somebody has changed it since the last npm run up",
      fix: up,
    })),
    ...unrecorded(record, there).map((one) => ({
      seen: `${describe([one])} is there and the state does not know it`,
      means: "an npm run up was interrupted as it was made",
      fix: `${up} removes it, and completes what is missing`,
    })),
    ...record.pending.map(({ urn }) => ({
      seen: `${urn.split("::").at(-1)} was being made or changed when an npm run up was interrupted`,
      fix: `${up} looks up how far it came`,
    })),
  ];

  progress("containers, servers, databases");
  const deployed = await pulumi.deployed();
  // The one that makes backups says itself what is wrong, further on.
  const containers = deployed.containers.filter((name) => !known.has(name) && name !== deployed.backup);
  const unwell = await pMap(containers, (name) => examine(docker, name), { concurrency: QUESTIONS_AT_ONCE });
  const status = await collect(deployed);
  const whole: Finding[] = [
    ...before,
    ...onHost,
    ...unwell.filter((one) => one !== undefined),
    ...(await ofHost(docker, deployed)),
    ...problemsOf(withoutConsequences(status, known, deployed)).map((seen) => ({ seen })),
  ];
  if (whole.length) return whole;

  progress("each tool, with each client's key");
  const failed = await check(pulumi).then(
    () => undefined,
    (error: Error) => error,
  );
  return [
    ...(failed
      ? [{ seen: failed.message, means: "clients meet the same", fix: `${up}, which repairs what differs` }]
      : []),
    ...(changes.length
      ? [{ seen: `${changes.length} changes of the settings are not deployed`, fix: `npm run preview, then ${up}` }]
      : []),
  ];
}

/** Without what follows from containers that are not as they should be, and without containers, which were looked at. */
const withoutConsequences = (status: Status, known: ReadonlySet<string>, { servers, postgres }: Deployed): Status => {
  const isAway = (server: string) => known.has(servers.find(({ name }) => name === server)?.adapter ?? "");
  return {
    ...status,
    containers: [],
    servers: status.servers.filter(({ name }) => !isAway(name)),
    databases: known.has(postgres.container ?? "") ? { ...status.databases, problem: "" } : status.databases,
    backup: known.has(status.backup?.container ?? "") ? null : status.backup,
  };
};

async function lock(pulumi: Pulumi, up: string): Promise<{ isLive: boolean; finding: Finding }[]> {
  const locks = (await locksOf(await pulumi.backendUrl(), pulumi.project, pulumi.stack)) ?? [];
  return pMap(locks, async (one) => {
    const isLive = !(await isStale(one));
    const by = `the stack is locked by ${describeLock(one)}`;
    return {
      isLive,
      finding: isLive
        ? { seen: by, means: "somebody deploys it at this moment", fix: "wait until that has ended, and look again" }
        : { seen: by, means: "that run was killed", fix: `${up} takes the lock away and completes it` },
    };
  });
}

/** Clock and disk of the host. */
async function ofHost(docker: Docker, { containers, docker: endpoint }: Deployed): Promise<Finding[]> {
  const { SystemTime: time } = (await docker.info()) as { readonly SystemTime: string };
  const seconds = Math.round((new Date(time).getTime() - Date.now()) / 1_000);
  const ingress = containers.find((name) => name.endsWith("ingress"));
  const disk = ingress === undefined ? undefined : await fullDisk(docker, ingress);
  return [
    ...(Math.abs(seconds) > CLOCK_SECONDS
      ? [
          {
            seen: `the clock of ${endpoint.host} is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}`,
            means: "times in the record of calls are wrong, and so is when budgets begin anew",
            fix: "timedatectl set-ntp true on the one of the two that is wrong",
          },
        ]
      : []),
    ...(disk ? [disk] : []),
  ];
}

/** The disk that has Docker's volumes, as a container sees it. */
async function fullDisk(docker: Docker, container: string): Promise<Finding | undefined> {
  const asked = runInContainer(docker, container, ["df", "-P", "/var/lib/ingress-audit"]);
  // One that does not run was found.
  const { exitCode, stdout } = await asked.catch(() => ({ exitCode: 1, stdout: "" }));
  const percent = exitCode === 0 ? Number(/ (\d+)% /.exec(stdout)?.[1]) : 0;
  if (percent < FULL_PERCENT) return undefined;
  return {
    seen: `the disk of Docker's volumes is ${percent} % full`,
    means: "when it is full, calls cannot be recorded and are refused, and Postgres stops",
    fix: "docker system df on the host; docker image prune removes images that nothing uses",
  };
}
