import pc from "picocolors";
import { checkGateway } from "../components/gateway/check/check-gateway.ts";
import { checkGrafana } from "../components/monitoring/ask-grafana.ts";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";
import { GRAFANA_SECONDS, readStack, verifyStack } from "./verify/plan.ts";
import { showResult, verdict } from "./verify/show.ts";

/** What the gateway check has found good. */
export interface Checked {
  readonly gatewayUrl: string;
  /** Names of the clients with whose keys it was done. */
  readonly clients: readonly string[];
  /** Tools by server. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/**
 * Runs the deployed stack's gateway check now, and that of its Grafana. `pulumi up` itself runs them only when something changed,
 * and an MCP server may have died since.
 *
 * @param signal Aborted when nobody waits for the answer any more; then it ends with an error.
 * @throws Error that says what is wrong.
 */
export async function check(pulumi: Pulumi, signal?: AbortSignal): Promise<Checked> {
  const inputs = await pulumi.gatewayCheck();
  if (!inputs) throw notDeployed(pulumi.stack);
  const grafana = await pulumi.grafanaCheck();
  const [tools] = await Promise.all([
    checkGateway(signal ? { ...inputs, signal } : inputs),
    grafana && checkGrafana(grafana, GRAFANA_SECONDS, signal),
  ]);
  return { gatewayUrl: inputs.gatewayUrl, clients: inputs.clients.map(({ name }) => name), tools };
}

/** In two lines what was found good. */
export function summary({ gatewayUrl, clients, tools }: Checked): string {
  const servers = Object.entries(tools).sort();
  const counts = servers.map(([name, { length }]) => `${name} ${length}`).join(", ");
  const all = servers.flatMap(([, names]) => names).length;
  return `${pc.green(`Listed and called just now through ${gatewayUrl}/mcp/, with the key of every client (${clients.join(", ")}):`)}
${servers.length} MCP servers, ${all} tools: ${counts}`;
}

interface Options {
  readonly stack: string;
  readonly json?: true;
  readonly models?: true | readonly string[];
}

async function verify({ stack, json, models }: Options): Promise<void> {
  const read = await readStack(await Pulumi.existing(stack));
  const { results, tools } = await verifyStack(read, models, (result) => {
    const shown = json ? undefined : showResult(result);
    if (shown !== undefined) console.log(shown);
  });
  if (json) {
    const { gatewayUrl, clients } = read.check;
    printJson({ gatewayUrl, clients: clients.map(({ name }) => name), tools, steps: results });
  } else console.log(verdict(stack, results));
  if (results.some(({ outcome }) => outcome === "failed")) process.exitCode = 1;
}

await main(
  import.meta.filename,
  command(
    "verify",
    "Goes through the testing plan with a deployed stack (docs/testing-plan.md): containers, gateway, Postgres; each client lists and calls its tools, and is refused what is not its own; models; the record of one call and LiteLLM's row of it. Exit code 1 when a step fails.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .option(
      "--models [names...]",
      "also ask models of providers, which costs money: all of them, or those that are named, by chat completions and responses. Models with a mock_response are always asked for a chat completion",
    )
    .hook("preAction", prepared("pulumi"))
    .action(verify),
);
