import type Docker from "dockerode";
import pMap from "p-map";
import { connectDocker, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { askAdapter } from "../../components/gateway/check/adapters.ts";
import { stackArguments } from "../command.ts";
import type { Pulumi } from "../deployed-stack.ts";
import { allDifferences, ofStack, unrecorded } from "../recovery/on-daemon.ts";
import type { OnRecord } from "../recovery/on-record.ts";
import { describeLock, isStale, type Lock, locksOf } from "../recovery/stack-lock.ts";
import { collect } from "../status/collect.ts";
import type { Deployed } from "../status/deployed.ts";
import { problemsOf, type Status } from "../status/status.ts";
import { check } from "../verify.ts";
import { ofDaemon } from "./by-hand.ts";
import { examine } from "./container.ts";
import { judgeDrift } from "./drifted.ts";
import type { Finding } from "./finding.ts";
import { type DockerInfo, judgeDocker } from "./host.ts";
import { holderOf, type HostFacts, hostFacts } from "./host-facts.ts";
import { removal, unlocking } from "./mends.ts";
import { ofHost, withMtu } from "./on-host.ts";
import { askPostgres, judgePostgres } from "./postgres.ts";
import { explain, explainCheck } from "./said.ts";
import { judgeServer } from "./server.ts";

/** What is told of each examination, as it begins. */
export type Progress = (what: string) => void;

/**
 * Looks at a stack from its state to a call of each tool, and goes no further where all that follows would fail as well.
 * Nothing is changed.
 */
export async function findings(pulumi: Pulumi, progress: Progress): Promise<Finding[]> {
  const up = `npm run up${stackArguments(pulumi.stack)}`;
  progress("who else deploys it");
  const locks = await locksOf(await pulumi.backendUrl(), pulumi.project, pulumi.stack);
  const locked = await pMap(locks ?? [], (one) => ofLock(one, pulumi.stack, up));
  // What is half made at this moment is no fault.
  if (locked.some(({ isLive }) => isLive)) return locked.map(({ finding }) => finding);

  progress("settings and host, as npm run up looks at them");
  const { errors, changes } = await pulumi.preview();
  const record = await pulumi.onRecord();
  const { stackId, endpoint } = record;
  const docker = endpoint && connectDocker(endpoint);
  const info = (await docker?.info().catch(() => undefined)) as DockerInfo | undefined;
  // Now, and not when it is judged: what is asked until then takes minutes on a busy host, and its clock would be behind.
  const toldAt = new Date();
  const facts = endpoint && info && (await hostFacts(endpoint, info.Name));
  const before: Finding[] = [
    ...locked.map(({ finding }) => finding),
    ...errors.flatMap((error) =>
      explain(error, { means: "npm run up would stop there, with nothing changed", fix: "what it says" }).map((one) =>
        withHolder(one, facts),
      ),
    ),
  ];
  if (stackId === undefined || !endpoint || !docker || !record.deployed.some(({ kind }) => kind === "container"))
    return [...before, { seen: `nothing of stack ${pulumi.stack} is deployed`, fix: up }];

  progress("what is on the host");
  const there = await ofStack(docker, stackId).catch((error: Error) => error);
  if (there instanceof Error)
    // The host was looked at before, and there was said in words what this means.
    return errors.length
      ? before
      : [...before, { seen: `Docker at ${endpoint.host} does not answer: ${there.message}`, fix: `docker ps there` }];
  const changed = await allDifferences(docker, record, there);
  const left = unrecorded(record, there);
  const onHost: Finding[] = [
    ...(await ofDaemon(docker, {
      ...{ changed, left, facts, up },
      // Where the backend does not tell of locks, it may be what somebody makes at this moment.
      removal: locks && ((one) => removal(pulumi, docker, one)),
    })),
    ...record.pending.map(({ urn }) => ({
      seen: `${urn.split("::").at(-1)} was being made or changed when an npm run up was interrupted`,
      means: "whether it was made is not known",
      fix: `${up} looks up how far it came`,
    })),
  ];

  progress("containers, servers, databases");
  const deployed = await pulumi.deployed();
  const known = new Set(changed.map(({ name }) => name));
  // One that is stopped, or off a network, is not well because of that; one that is on others besides, for another reason.
  const lost = new Set(changed.filter(({ is }) => is === "is missing").map(({ id }) => id));
  const explaining = new Set([
    ...changed.filter(({ network }) => network?.isOwn !== false).map(({ name }) => name),
    ...record.deployed.filter(({ networks }) => networks.some((id) => lost.has(id))).map(({ name }) => name),
  ]);
  const status = await collect(deployed);
  // These say themselves what is wrong, further on; the check only when it has found something.
  const isTelling = status.scheduledCheck?.problems.some((one) => one.startsWith("the scheduled check"));
  const telling = [deployed.backup, ...(isTelling ? [deployed.scheduledCheck] : [])];
  const containers = deployed.containers.filter((name) => !explaining.has(name) && !telling.includes(name));
  const unwell = await pMap(
    containers,
    async (name) => ({ name, finding: await examine(docker, name, { holderOf: (...at) => holderOf(facts, ...at) }) }),
    { concurrency: QUESTIONS_AT_ONCE },
  );
  for (const { name, finding } of unwell) if (finding) known.add(name);
  const ofItsHost = await ofHost(docker, {
    ...{ deployed, status, facts, said: errors.join("\n"), known },
    root: info?.DockerRootDir ?? "",
  });
  const found: Finding[] = [
    ...before,
    ...onHost,
    ...unwell.flatMap(({ finding }) => finding ?? []),
    ...(info ? judgeDocker(info, toldAt) : []),
    ...ofItsHost,
    ...(await ofServers(docker, deployed, status, known)),
    ...(await ofPostgres(docker, deployed, record, known, up)),
    ...ofGateway(status, known, [...before, ...ofItsHost], up),
  ];
  if (found.length) return withMtu(docker, found, facts, deployed.networks);

  progress("each tool, with each client's key; rights and limits");
  const [failed, drifted] = await Promise.all([
    check(pulumi).then(
      () => undefined,
      (error: Error) => error,
    ),
    pulumi.drift(),
  ]);
  const last: Finding[] = [
    ...drifted.map((change) => judgeDrift(change, up)),
    // What a check meets because of that is no fault of its own.
    ...(failed && !drifted.length ? [{ seen: failed.message, ...explainCheck(failed.message, up) }] : []),
    ...(changes.length
      ? [
          {
            seen: `${changes.length} changes of the settings are not deployed`,
            means: "what runs is what was deployed before them",
            fix: `npm run preview${stackArguments(pulumi.stack)}, then ${up}`,
          },
        ]
      : []),
  ];
  if (failed) return withMtu(docker, last, facts, deployed.networks);
  // What was found up to here, it has met as well.
  return last.length || !isTelling ? last : (status.scheduledCheck?.problems ?? []).map(judgeScheduledCheck);
}

async function ofLock(one: Lock, stack: string, up: string): Promise<{ isLive: boolean; finding: Finding }> {
  const isLive = !(await isStale(one));
  const seen = `the stack is locked by ${describeLock(one)}`;
  if (!isLive)
    return {
      isLive,
      finding: {
        seen,
        means: "that run was killed",
        fix: `${up} takes the lock away and completes it`,
        mend: unlocking(one),
      },
    };
  return {
    isLive,
    finding: {
      seen,
      means: "somebody deploys it at this moment",
      fix: `wait until that has ended, and look again; if its machine is gone for good: eval "$(npm run --silent env)" && pulumi cancel --stack ${stack}`,
    },
  };
}

/** Where the host says who has a port, that is better than how to ask it. */
function withHolder(finding: Finding, facts: HostFacts | undefined): Finding {
  const found = /port (\d+) on (\S+) is taken by another program/.exec(finding.seen);
  const holder = found ? holderOf(facts, found[2]!, Number(found[1])) : undefined;
  // A container of this daemon would have been named, so Docker's proxy is another daemon's: settings can name another host.
  return holder && !holder.startsWith("docker-proxy ")
    ? { ...finding, means: `${holder} of the host listens where the stack is to listen` }
    : finding;
}

/** Servers whose containers are as they should be. */
async function ofServers(
  docker: Docker,
  { servers }: Deployed,
  status: Status,
  known: ReadonlySet<string>,
): Promise<Finding[]> {
  const adapterOf = (server: string) => servers.find(({ name }) => name === server)?.adapter ?? "";
  const judged = await pMap(
    status.servers.filter(({ name }) => !known.has(adapterOf(name))),
    async (server) => {
      const adapter = adapterOf(server.name);
      const asked = server.state === "down" ? askAdapter(docker, adapter, "/listed") : Promise.resolve("");
      return judgeServer(server, status.stack, await asked.catch(({ message }: Error) => message));
    },
    { concurrency: QUESTIONS_AT_ONCE },
  );
  return judged.filter((one) => one !== undefined);
}

/** The stack's own Postgres, where its container runs. */
async function ofPostgres(
  docker: Docker,
  { postgres: { container } }: Deployed,
  { databases }: OnRecord,
  known: ReadonlySet<string>,
  up: string,
): Promise<Finding[]> {
  if (container === undefined || known.has(container)) return [];
  const update = up.includes(" -- ") ? up : `${up} --`;
  return judgePostgres(container, await askPostgres(docker, container), databases, update);
}

/** Of a gateway with which nothing is wrong now. */
const judgeScheduledCheck = (seen: string): Finding =>
  seen.includes("cannot tell anybody")
    ? {
        seen,
        means: "nobody hears of it when something goes wrong",
        fix: "start what listens there, or write its address into litellm-mcp:scheduledCheck.alert and npm run up",
      }
    : seen.includes("Prometheus has said nothing")
      ? {
          seen,
          means: "Prometheus runs, and what it says does not arrive, or it was started again within the last minute",
          fix: "look again in two minutes; docker logs --tail 20 of its container says whom it cannot tell",
        }
      : {
          seen,
          means: "it works at this moment: it has come back within the last minute, or it comes and goes",
          fix: "look again in two minutes; npm run audit -- --client scheduled-check --since 1d shows how often it failed",
        };

/** The rest of what `status` calls a problem, without what was looked at more closely. */
function ofGateway(status: Status, known: ReadonlySet<string>, ofItsHost: readonly Finding[], up: string): Finding[] {
  const address = /^http:\/\/([^:/]+)/.exec(status.gateway.url)?.[1] ?? "";
  const isAway = ({ seen }: Finding) =>
    seen.includes(`${address} is no address of the host`) || seen.startsWith(`ports are published at ${address},`);
  const rest = problemsOf({
    ...status,
    ...{ containers: [], servers: [], databases: { ...status.databases, problem: "" } },
    networks: status.networks.filter(({ name }) => !known.has(name)),
    backup: known.has(status.backup?.container ?? "") ? null : status.backup,
    // It is the last to be heard.
    scheduledCheck: null,
    // What it says of LiteLLM follows from whatever was found, and nobody reaches an address that is gone.
    gateway: known.size > 0 || ofItsHost.some(isAway) ? { ...status.gateway, isUp: true } : status.gateway,
  });
  return rest.map((seen) => ({
    seen,
    ...(/does not answer as it should: .*"rights":null/.test(seen)
      ? { means: "the ingress knows no clients yet, and refuses all: the up that made it has not finished", fix: up }
      : /does not answer as it should/.test(seen)
        ? {
            means:
              "its container runs, and this machine does not reach it: a firewall, or LiteLLM behind it is not ready",
            fix: `curl -m 5 ${status.gateway.url}/health, here and on the host; ${up}`,
          }
        : {}),
  }));
}
