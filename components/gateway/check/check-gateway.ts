import { distinctTools, type Tool } from "../../../approval/tool-lock.ts";
import { approveCommand } from "../../../approval/tool-report.ts";
import { type AtAdapters, examine } from "../../../check/examine.ts";
import { tryForbidden } from "../../../check/forbidden.ts";
import type { Problems } from "../../../check/judge.ts";
import type { Listing } from "../../../check/listing.ts";
import { connectDocker, containerLogTail } from "../../docker/docker-connection.ts";
import { listAtAdapters } from "./adapters.ts";
import type { GatewayCheckInputs } from "./inputs.ts";

const LOG_LINES = 15;

/**
 * Lists the tools with every client's key, compares them with what was approved, calls one of each server, and tries
 * what must fail.
 *
 * @returns Tools by server.
 * @throws Error with each server that failed, what was seen, and its log or the command that approves its tools.
 */
export async function checkGateway(
  inputs: GatewayCheckInputs,
  askAdapters: typeof listAtAdapters = listAtAdapters,
): Promise<Record<string, readonly string[]>> {
  const known = await listAndCall(inputs, askAdapters);
  const open = await tryForbidden(inputs, known);
  if (open.length)
    throw new Error(`gateway check: what must fail did not:\n${open.map((one) => `  - ${one}`).join("\n")}`);
  return toolNames(known);
}

/** Names of tools by server. */
export const toolNames = (known: Listing): Record<string, readonly string[]> =>
  Object.fromEntries([...known].map(([name, tools]) => [name, tools.map((tool) => tool.name)]));

/**
 * Lists the tools with every client's key, compares them with what was approved, and calls one of each server.
 *
 * @returns What all clients together see.
 * @throws Error with each server that failed, what was seen, and its log or the command that approves its tools.
 */
export async function listAndCall(
  inputs: GatewayCheckInputs,
  askAdapters: typeof listAtAdapters = listAtAdapters,
): Promise<Listing> {
  const { known, problems, unapproved } = await examine(inputs, await listAtServers(inputs, askAdapters));
  if (problems.size || unapproved.size) throw new Error(await failureReport(inputs, problems, unapproved));
  return known;
}

/** What each server with an adapter lists, approved or not, and the problem of each that does not say it. */
async function listAtServers({ docker, servers }: GatewayCheckInputs, ask: typeof listAtAdapters): Promise<AtAdapters> {
  const listed = new Map<string, readonly Tool[]>();
  const silent = new Map<string, string>();
  const adapters = servers.flatMap(({ adapter }) => adapter ?? []);
  const answers = await ask(docker, adapters);
  for (const { name, adapter } of servers) {
    const answer = adapter === null ? undefined : answers.get(adapter);
    if (!answer) continue;
    if ("tools" in answer) listed.set(name, distinctTools(answer.tools));
    else silent.set(name, `does not list its tools: ${answer.problem}`);
  }
  return { listed, silent };
}

async function failureReport(inputs: GatewayCheckInputs, problems: Problems, unapproved: Problems): Promise<string> {
  const docker = connectDocker(inputs.docker);
  const sections = await Promise.all(
    [...problems].map(async ([name, problem]) => {
      const { container = name, adapter } = inputs.servers.find((server) => server.name === name) ?? {};
      const logs = [...new Set([container, adapter ?? container])].map(async (one) => {
        const log = await containerLogTail(docker, one, LOG_LINES).catch(
          (error: Error) => `(log not readable: ${error.message})`,
        );
        return `\n  last lines of container ${one}:\n${log.replace(/^/gm, "    ")}`;
      });
      return `MCP server "${name}" ${problem}${(await Promise.all(logs)).join("")}`;
    }),
  );
  const failed = new Set([...problems.keys(), ...unapproved.keys()]).size;
  return [
    `gateway check: ${failed} of ${inputs.servers.length} MCP servers failed at ${inputs.gatewayUrl}/mcp/`,
    ...sections,
    ...[...unapproved].map(([name, problem]) => `MCP server "${name}" ${problem}`),
    ...(unapproved.size
      ? [`To read the whole of it and approve it:  ${approveCommand([...unapproved.keys()], inputs.stack)}`]
      : []),
  ].join("\n");
}
