import { connectDocker } from "../../components/docker/docker-connection.ts";
import { listAndCall, toolNames } from "../../components/gateway/check/check-gateway.ts";
import type { ExpectedServer } from "../../check/expectations.ts";
import type { GatewayCheckInputs } from "../../components/gateway/check/inputs.ts";
import { tryForbidden } from "../../check/forbidden.ts";
import type { Listing } from "../../check/listing.ts";
import { checkGrafana } from "../../components/monitoring/ask-grafana.ts";
import type { GrafanaCheckInputs } from "../../components/monitoring/grafana-check.ts";
import { GATEWAY_CHECK, GRAFANA_CHECK } from "../../components/resource-names.ts";
import { LITELLM_DATABASE } from "../../components/postgres/databases.ts";
import { compareText } from "../../lib/compare-text.ts";
import type { AuditRecord } from "../audit/records.ts";
import { NoPostgresImage, type PostgresTools, withPostgresTools } from "../backup/databases.ts";
import { type Held, readHeld } from "../backup/held.ts";
import { type ClientOnRecord, readRights } from "../client-rights.ts";
import { stackArguments } from "../command.ts";
import { notDeployed, type Pulumi } from "../deployed-stack.ts";
import type { Finding } from "../doctor/finding.ts";
import { ofStack } from "../recovery/on-daemon.ts";
import { type OnRecord, readRecord } from "../recovery/on-record.ts";
import { gatewayStatus } from "../status/collect.ts";
import { type Deployed, readDeployed } from "../status/deployed.ts";
import { currentOf, inputsOf } from "../stored-state.ts";
import { type Broken, lookAtContainers } from "./containers.ts";
import { deployedConfig, type LiteLlmConfig } from "./litellm-config.ts";
import { askModel, type Paid, type Question, questions, routesOf } from "./models.ts";
import { findInAudit, findRow, trialOf } from "./record.ts";
import { type Found, type Result, runSteps, type Step } from "./steps.ts";

/** A data source that was just started again may take so long. */
export const GRAFANA_SECONDS = 15;

/** A deployed stack at one moment of its state, keys in plain text. */
export interface Stack {
  readonly name: string;
  readonly check: GatewayCheckInputs;
  /** Undefined: there is no Grafana. */
  readonly grafana: GrafanaCheckInputs | undefined;
  readonly clients: readonly ClientOnRecord[];
  readonly record: OnRecord & { readonly stackId: string };
  readonly held: Held;
  readonly deployed: Deployed;
  readonly config: LiteLlmConfig;
}

/** @throws Error when no `up` of the stack has come to its end. */
export async function readStack(pulumi: Pulumi): Promise<Stack> {
  const { deployment: state } = await pulumi.exported();
  const resources = currentOf(state);
  const record = readRecord(state);
  const { stackId } = record;
  const check = inputsOf(resources, (urn) => urn.endsWith(`::${GATEWAY_CHECK}`))[0] as GatewayCheckInputs | undefined;
  const grafana = inputsOf(resources, (urn) => urn.endsWith(`::${GRAFANA_CHECK}`))[0] as GrafanaCheckInputs | undefined;
  const held = record.endpoint && readHeld(resources, record.endpoint);
  const deployed = readDeployed(pulumi.stack, resources, []);
  if (!check || !held || !deployed || stackId === undefined) throw notDeployed(pulumi.stack);
  return {
    ...{ name: pulumi.stack, check, grafana, held, deployed },
    clients: readRights(resources)?.clients ?? [],
    record: { ...record, stackId },
    config: deployedConfig(record),
  };
}

/** What all steps together found. */
export interface Verified {
  readonly results: readonly Result[];
  /** Names of tools by server; of a gateway that failed what was seen of it. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/** Goes through the testing plan: docs/testing-plan.md. */
export async function verifyStack(stack: Stack, paid: Paid, tell: (result: Result) => void): Promise<Verified> {
  const asked = questions(stack.clients, stack.config, paid);
  const docker = connectDocker(stack.check.docker);
  const { check, grafana, record, deployed, config } = stack;
  const up = `npm run up${stackArguments(stack.name)}`;
  const containersOf = ({ container, adapter }: ExpectedServer) => [container, adapter ?? container];
  const ofServers = new Set(check.servers.flatMap(containersOf));
  let broken: readonly Broken[] = [];
  // What works is tried, whatever other servers do.
  let working = check;
  let known: Listing = new Map();
  let line: AuditRecord | undefined;

  const good = (findings: readonly Finding[], said: string): Found => (findings.length ? { findings } : { said });
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;

  const steps: readonly Step[] = [
    {
      name: "containers",
      needs: [],
      run: async () => {
        broken = await lookAtContainers(docker, record, await ofStack(docker, record.stackId), up);
        const ofAll = record.deployed.filter(({ name }) => !ofServers.has(name));
        const ofKind = (wanted: string) => ofAll.flatMap(({ kind, name }) => (kind === wanted ? [name] : []));
        return good(
          broken.filter(({ name }) => !ofServers.has(name)).map(({ finding }) => finding),
          `${ofKind("container").sort(compareText).join(", ")} are healthy; ${count(ofKind("network").length, "network")} as deployed`,
        );
      },
    },
    {
      name: "servers",
      needs: [],
      run: () => {
        const away = broken.filter(({ name }) => ofServers.has(name));
        const isAway = (server: ExpectedServer) =>
          containersOf(server).some((container) => away.some(({ name }) => name === container));
        working = { ...check, servers: check.servers.filter((server) => !isAway(server)) };
        const healthy = `${count(ofServers.size, "container")} of ${count(check.servers.length, "server")}, healthy`;
        return Promise.resolve(
          good(
            away.map(({ finding }) => finding),
            healthy,
          ),
        );
      },
    },
    {
      name: "gateway",
      needs: ["containers"],
      run: async () => {
        const { isUp, said, url } = await gatewayStatus(check.gatewayUrl);
        return isUp ? { said: `${url}/health answers` } : { findings: [noGateway(url, said, stack.name)] };
      },
    },
    { name: "postgres", needs: ["containers"], run: () => askPostgres(stack) },
    {
      name: "tools",
      needs: ["gateway", "postgres"],
      run: async () => {
        const isWorking = (server: string) => working.servers.some(({ name }) => name === server);
        known = new Map([...(await listAndCall(working))].filter(([server]) => isWorking(server)));
        const names = Object.values(toolNames(known)).flat();
        const clients = check.clients.map(({ name }) => name).join(", ");
        return {
          said: `${count(names.length, "tool")} of ${count(known.size, "server")}, as approved; listed and called by ${clients}`,
        };
      },
    },
    {
      name: "refusals",
      needs: ["tools"],
      run: async () => {
        const open = await tryForbidden(working, known);
        return good(
          open.map((seen) => ({ seen, means: "somebody can do what nobody should be able to" })),
          "wrong keys, closed routes, and a call of each client that it may not make",
        );
      },
    },
    {
      name: "models",
      needs: ["gateway", "postgres"],
      run: async () => {
        if (!asked.length)
          return { notHere: "each model is a provider's and costs money; --models asks them all, --models NAME one" };
        const findings: Finding[] = [];
        for (const question of asked) findings.push(...(await askModel(check.gatewayUrl, question)));
        return good(findings, answered(asked));
      },
    },
    {
      name: "audit",
      needs: ["tools"],
      run: async () => {
        const trial = trialOf(working);
        if (!trial || !deployed.audit) return { notHere: "no server.yaml has a check that a client may call" };
        const recorded = await findInAudit(docker, deployed.audit, check.gatewayUrl, trial);
        ({ line } = recorded);
        return recorded.found;
      },
    },
    {
      name: "spend",
      needs: ["audit"],
      run: async () => {
        const called = line;
        if (!called) return { notHere: "there is no call to look for" };
        return withTools(stack, (tools) => findRow(tools, config, called));
      },
    },
    ...(grafana ? [{ name: "grafana", needs: [], run: () => askGrafana(grafana, up) }] : []),
  ];
  const results = await runSteps(steps, tell);
  return { results, tools: toolNames(known) };
}

/** It is asked although a container is not well: it says what nobody sees because of that. */
async function askGrafana(grafana: GrafanaCheckInputs, up: string): Promise<Found> {
  try {
    return { said: await checkGrafana(grafana, GRAFANA_SECONDS) };
  } catch (error) {
    return {
      findings: [
        {
          seen: (error as Error).message,
          means: "its dashboards have no data, or nobody can log in; calls and models work as before",
          fix: up,
        },
      ],
    };
  }
}

/** `mock answers phone, test-key (/v1/chat/completions)`. */
function answered(asked: readonly Question[]): string {
  const models = [...new Set(asked.map(({ model }) => model))];
  return models
    .map((name) => {
      const its = asked.filter(({ model }) => model === name);
      const paths = new Set(its.flatMap(routesOf).map(({ path }) => path));
      return `${name} answers ${its.map(({ client }) => client.rights.name).join(", ")} (${[...paths].join(", ")})`;
    })
    .join("; ");
}

const noGateway = (url: string, said: string, stack: string): Finding => ({
  seen: `${url}/health: ${said}`,
  means: said.includes('"litellm"')
    ? "the ingress runs and LiteLLM behind it does not answer yet, or no more"
    : "nothing is reached there from this machine: another address, a firewall, or a network in between",
  fix: `npm run doctor${stackArguments(stack)}`,
});

/** Of another machine's Postgres nobody can ask anything where the host has no image with its programs. */
async function withTools(stack: Stack, use: (tools: PostgresTools) => Promise<Found>): Promise<Found> {
  try {
    return await withPostgresTools(connectDocker(stack.check.docker), stack.held, use);
  } catch (error) {
    if (error instanceof NoPostgresImage) return { notHere: error.message };
    throw error;
  }
}

async function askPostgres(stack: Stack): Promise<Found> {
  const { where } = stack.deployed.postgres;
  try {
    return await withTools(stack, async (tools) => {
      await tools.ask(LITELLM_DATABASE, "SELECT 1");
      return { said: `${where} answers for ${LITELLM_DATABASE}` };
    });
  } catch (error) {
    return {
      findings: [
        {
          seen: `Postgres at ${where}, database ${LITELLM_DATABASE}: ${(error as Error).message}`,
          means: "LiteLLM knows no key and writes no row without it: calls and models fail within a minute",
          fix: `look whether it runs, and takes connections from the host; npm run doctor${stackArguments(stack.name)}`,
        },
      ],
    };
  }
}
