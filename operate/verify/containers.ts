import type Docker from "dockerode";
import pMap from "p-map";
import { containerLogTail, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import {
  containerOf,
  GRAFANA,
  INGRESS,
  LITELLM,
  LOG_COLLECTOR,
  LOKI,
  POSTGRES,
  PROMETHEUS,
  REDIS,
} from "../../components/resource-names.ts";
import { type Inspected, isWell, judge } from "../doctor/container.ts";
import type { Finding } from "../doctor/finding.ts";
import { describe, differences, type Found as OnDaemon } from "../recovery/on-daemon.ts";
import type { Deployed, OnRecord } from "../recovery/on-record.ts";

const LOG_LINES = 60;

/** What a person has lost with a container. */
const WITHOUT: Readonly<Record<string, string>> = {
  [POSTGRES]: "without Postgres LiteLLM knows no key and writes no row: calls and models fail within a minute",
  [LITELLM]: "without LiteLLM nobody can list, call or ask a model: requests wait two minutes and fail then",
  [INGRESS]: "without the ingress nothing answers on the gateway's port",
  [REDIS]: "without Redis no answer of a model is kept, and limits for tokens begin anew",
  [PROMETHEUS]: "without Prometheus no figures are kept and no alert is raised; calls and models work as before",
  [LOKI]:
    "without Loki no logs and calls are found in it; what is written meanwhile waits in its files, and calls and models work as before",
  [GRAFANA]: "without Grafana nobody sees its dashboards; figures, logs and calls are kept, and calls work as before",
  [LOG_COLLECTOR]:
    "without the collector no logs and calls come to Loki; what is written meanwhile waits in its files, and calls and models work as before",
};

function meaning({ kind, urn }: Deployed): string {
  if (kind === "network") return "containers that are on it do not reach each other";
  const found = Object.entries(WITHOUT).find(([component]) => urn.endsWith(`::${containerOf(component)}`));
  return found?.[1] ?? "the tools of its server cannot be called; those of others can";
}

/** A container or network that is not as it was deployed, by its name. */
export interface Broken {
  readonly name: string;
  readonly finding: Finding;
}

/** What somebody has stopped, paused, removed or put on other networks. */
export const changedByHand = (record: Pick<OnRecord, "deployed">, there: readonly OnDaemon[], up: string): Broken[] =>
  differences(record, there).map((one) => ({
    name: one.name,
    finding: { seen: `${describe([one])} ${one.is}`, means: meaning(one), fix: up },
  }));

/** Everything of the stack on the daemon that is not as it was deployed, or does not work by its own healthcheck. */
export async function lookAtContainers(
  docker: Docker,
  record: Pick<OnRecord, "deployed">,
  there: readonly OnDaemon[],
  up: string,
): Promise<Broken[]> {
  const changed = changedByHand(record, there, up);
  const others = record.deployed.filter(
    ({ kind, name }) => kind === "container" && !changed.some((one) => one.name === name),
  );
  const looked = await pMap(others, ({ name }) => unhealthy(docker, name), { concurrency: QUESTIONS_AT_ONCE });
  return [...changed, ...looked.flatMap((finding, index) => (finding ? [{ name: others[index]!.name, finding }] : []))];
}

async function unhealthy(docker: Docker, name: string): Promise<Finding | undefined> {
  const inspected = (await docker.getContainer(name).inspect()) as unknown as Inspected;
  if (isWell(inspected)) return undefined;
  return judge(name, inspected, { log: await containerLogTail(docker, name, LOG_LINES) });
}
