import { distinctTools, type Tool } from "../../../approval/tool-lock.ts";
import { approveCommand } from "../../../approval/tool-report.ts";
import { mayCall } from "../../../ingress/rights.ts";
import { connectDocker, containerLogTail } from "../../docker/docker-connection.ts";
import { listAtAdapters } from "./adapters.ts";
import { type ExpectedClient, type GatewayCheckInputs, ruleOf } from "./expectations.ts";
import { tryForbidden } from "./forbidden.ts";
import { judgeAnswer, judgeListing, judgeTexts, judgeTools, judgeWithheld, type Problems } from "./judge.ts";
import { list, type Listing, REQUEST_TIMEOUT_MS, together, withGateway } from "./listing.ts";

/** How long the servers may take from "container started" to "listed"; only those without a healthcheck need it. */
const LISTED_WITHIN_MS = 30_000;
const LIST_AGAIN_AFTER_MS = 1_000;
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
  const { servers } = inputs;
  const { listed, silent } = await listAtServers(inputs, askAdapters);
  const withheld = judgeWithheld(servers, listed);
  // What is withheld is missing in every listing, and nobody waits for it: that it is withheld says why.
  const rest = servers.filter(({ name }) => !withheld.has(name) && !silent.has(name));
  const deadline = Date.now() + LISTED_WITHIN_MS;
  const listings = await forEachClient(inputs, (client) =>
    listForClient({ ...inputs, servers: rest }, client, deadline),
  );
  const known = together(listings.values());
  const direct = servers.filter(({ adapter }) => adapter === null);
  const unapproved = new Map([...withheld, ...judgeTools({ ...inputs, servers: direct }, known)]);
  const expected = new Map([...known, ...[...listed].filter(([name]) => !unapproved.has(name))]);
  const mislisted = firstProblems([
    silent,
    ...[...listings].map(([client, listing]) => judgeListing(listing, client, rest, expected)),
    judgeTexts(inputs, known, unapproved),
  ]);
  const notCalled = new Set([...mislisted.keys(), ...unapproved.keys()]);
  const callable = servers.filter(({ name }) => !notCalled.has(name));
  const calls = await forEachClient(inputs, (client) => callForClient({ ...inputs, servers: callable }, client));
  const problems = firstProblems([mislisted, ...calls.values()]);
  if (problems.size || unapproved.size) throw new Error(await failureReport(inputs, problems, unapproved));
  return known;
}

/** What each server with an adapter lists, approved or not, and the problem of each that does not say it. */
async function listAtServers({ docker, servers }: GatewayCheckInputs, ask: typeof listAtAdapters) {
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

/** One answer for each client, asked for one after the other; an error names the client. */
async function forEachClient<T>(
  { clients, gatewayUrl }: GatewayCheckInputs,
  ask: (client: ExpectedClient) => Promise<T>,
): Promise<Map<ExpectedClient, T>> {
  const answers = new Map<ExpectedClient, T>();
  for (const client of clients) {
    const answer = ask(client).catch((error: Error) => {
      throw new Error(
        `gateway check: the key of client "${client.name}" gets no answer from ${gatewayUrl}/mcp/: ${error.message}`,
      );
    });
    answers.set(client, await answer);
  }
  return answers;
}

/** Of each server the problem that was found first: what is found later mostly follows from it. */
function firstProblems(found: Iterable<Problems>): Problems {
  const first = new Map<string, string>();
  for (const problems of found)
    for (const [server, problem] of problems) if (!first.has(server)) first.set(server, problem);
  return first;
}

/** What a client sees, asked for again while a server of it lists nothing yet. */
function listForClient(
  { gatewayUrl, servers }: GatewayCheckInputs,
  client: ExpectedClient,
  deadline: number,
): Promise<Listing> {
  return withGateway(gatewayUrl, client.key, async (mcp) => {
    let seen = await list(mcp);
    while (judgeListing(seen, client, servers, seen).size && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LIST_AGAIN_AFTER_MS));
      seen = await list(mcp);
    }
    return seen;
  });
}

/** Calls one tool of each of the client's servers; what went wrong, by server. */
function callForClient({ gatewayUrl, servers }: GatewayCheckInputs, client: ExpectedClient): Promise<Problems> {
  return withGateway(gatewayUrl, client.key, async (mcp) => {
    const problems = new Map<string, string>();
    for (const { name, call } of servers) {
      const rule = ruleOf(client, name);
      if (!call || !rule || !mayCall(rule, call.tool)) continue;
      const called = `tool ${call.tool}, called with the key of "${client.name}",`;
      const asked = mcp.callTool({ name: `${name}-${call.tool}`, arguments: call.arguments }, undefined, {
        timeout: REQUEST_TIMEOUT_MS,
      });
      const answer = await asked.catch(
        (error: Error) => void problems.set(name, `${called} got no answer: ${error.message}`),
      );
      // The calls that are left would wait as long: a gateway that is locked up answers none.
      if (!answer) break;
      const text = (answer.content as { type: string; text?: string }[])
        .map((part) => part.text ?? `[${part.type}]`)
        .join("\n");
      const problem = judgeAnswer(text, answer.isError === true, call.expect);
      if (problem) problems.set(name, `${called} ${problem}`);
    }
    return problems;
  });
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
