import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { connectDocker, containerLogTail, type DockerEndpoint } from "./docker-connection.ts";
import type { McpPolicy, ToolRule } from "./litellm-api.ts";
import { distinctTools, type Tool, toolChanges, type ToolLock } from "../settings/tool-lock.ts";
import { approveCommand, describeUnapproved } from "../settings/tool-report.ts";

/** What one MCP server must show through the gateway. */
export interface ExpectedServer {
  readonly name: string;
  /** Its container on the daemon, for the log lines of a failure. */
  readonly container: string;
  /** What it must list, as it was approved; null: nothing was approved yet. */
  readonly lock: ToolLock | null;
  /** A cheap call that must succeed; null where the server has none. */
  readonly call: { readonly tool: string; readonly arguments: Record<string, unknown>; readonly expect: string | null } | null;
}

/** A client, with the servers its key must see; it must see no others. */
export interface ExpectedClient {
  readonly name: string;
  readonly key: string;
  readonly servers: readonly string[];
  /** What it may call of them. */
  readonly policy: McpPolicy;
}

/** Inputs of the `GatewayCheck` resource. */
export interface GatewayCheckInputs {
  readonly gatewayUrl: string;
  readonly docker: DockerEndpoint;
  readonly servers: readonly ExpectedServer[];
  readonly clients: readonly ExpectedClient[];
  /** The stack, as the command that approves tools wants it. */
  readonly stack: string;
  /** Whatever a new run should follow: ids of containers. Not read. */
  readonly triggers: readonly string[];
}

/** Tools by server, their names without prefix, as one key sees them. */
export type Listing = ReadonlyMap<string, readonly Tool[]>;

/** How long the servers may take from "container started" to "listed"; only those without a healthcheck need it. */
const LISTED_WITHIN_MS = 30_000;
const REQUEST_TIMEOUT_MS = 60_000;
const LOG_LINES = 15;

/** Groups what tools/list answered. LiteLLM names a tool `<server>-<tool>`; a server's name has no `-`. */
export function groupByServer(tools: readonly Tool[]): Listing {
  const listing = new Map<string, Tool[]>();
  for (const tool of tools) {
    const at = tool.name.indexOf("-");
    const server = at < 0 ? "" : tool.name.slice(0, at);
    listing.set(server, [...(listing.get(server) ?? []), { ...tool, name: tool.name.slice(at + 1) }]);
  }
  return listing;
}

/** As `gateway_policy.py` decides it. */
export const mayCall = ({ allow, deny }: ToolRule, tool: string) => (allow === null || allow.includes(tool)) && !deny.includes(tool);
const ANY_TOOL: ToolRule = { allow: null, deny: [] };

/**
 * What is wrong with a listing, by server; empty when the client sees exactly what it must.
 *
 * @param known What all clients together see: of that, the client must see what it may call.
 */
export function judgeListing(listing: Listing, client: ExpectedClient, servers: readonly ExpectedServer[], known: Listing): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { name } of servers) {
    const seen = (listing.get(name) ?? []).map((tool) => tool.name);
    if (!client.servers.includes(name)) {
      if (seen.length) problems.set(name, `listed for "${client.name}", whose key may not use it`);
      continue;
    }
    // From 1.78.0 a key is not shown what it may not call.
    const rule = client.policy.servers[name] ?? ANY_TOOL;
    const missing = (known.get(name) ?? []).map((tool) => tool.name).filter((tool) => mayCall(rule, tool) && !seen.includes(tool));
    if (!seen.length && rule.allow?.length !== 0) problems.set(name, `lists no tools for "${client.name}"`);
    else if (missing.length)
      problems.set(name, `lists ${seen.length} tools for "${client.name}" (${seen.sort().join(", ")}), without ${missing.join(", ")}`);
  }
  return problems;
}

/** What the servers list that nobody approved, by server, as text for the user. */
export function judgeTools({ servers, clients }: Pick<GatewayCheckInputs, "servers" | "clients">, known: Listing): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { name, lock } of servers) {
    const listed = known.get(name);
    // A server that lists nothing has another problem: its tools were not taken away.
    if (!listed) continue;
    const rules = clients.flatMap(({ policy }) => policy.servers[name] ?? []);
    const changes = toolChanges(lock ?? {}, listed, (tool) => rules.some((rule) => mayCall(rule, tool)));
    if (changes.length) problems.set(name, describeUnapproved(name, lock, changes));
  }
  return problems;
}

/** Why an answer of tools/call is no success; undefined when it is one. LiteLLM 1.77.3 reports failures as ordinary text. */
export function judgeAnswer(text: string, isError: boolean, expect: string | null): string | undefined {
  const failed = isError || text === "" || /^(Error\b|MCP client session is not initialized)/.test(text);
  if (failed || (expect !== null && !text.includes(expect)))
    return `answered ${JSON.stringify(text.slice(0, 300))}${expect === null ? "" : `, expected text with ${JSON.stringify(expect)}`}`;
  return undefined;
}

async function withGateway<T>(url: string, key: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: "litellm-mcp-gateway-check", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp/`), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  try {
    await client.connect(transport, { timeout: REQUEST_TIMEOUT_MS });
    return await use(client);
  } finally {
    await client.close();
  }
}

async function listing(mcp: Client): Promise<Listing> {
  const { tools } = await mcp.listTools(undefined, { timeout: REQUEST_TIMEOUT_MS });
  return groupByServer(tools.map(({ name, description = "", inputSchema }) => ({ name, description, inputSchema })));
}

/** What a client sees, asked for again while a server of it lists nothing yet. */
async function listForClient(inputs: GatewayCheckInputs, client: ExpectedClient, deadline: number): Promise<Listing> {
  return withGateway(inputs.gatewayUrl, client.key, async (mcp) => {
    let seen = await listing(mcp);
    while (judgeListing(seen, client, inputs.servers, seen).size && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      seen = await listing(mcp);
    }
    return seen;
  });
}

/** Calls one tool of each of the client's servers but `without`; what went wrong, by server. */
async function callForClient(inputs: GatewayCheckInputs, client: ExpectedClient, without: ReadonlyMap<string, unknown>): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  await withGateway(inputs.gatewayUrl, client.key, async (mcp) => {
    for (const { name, call } of inputs.servers) {
      const rule = client.policy.servers[name];
      if (!call || !rule || without.has(name) || !mayCall(rule, call.tool)) continue;
      const called = `tool ${call.tool}, called with the key of "${client.name}",`;
      const asked = mcp.callTool({ name: `${name}-${call.tool}`, arguments: call.arguments }, undefined, { timeout: REQUEST_TIMEOUT_MS });
      const answer = await asked.catch((error: Error) => void problems.set(name, `${called} got no answer: ${error.message}`));
      // A gateway that is locked up would keep each of the others waiting as long.
      if (!answer) return;
      const text = (answer.content as { type: string; text?: string }[]).map((part) => part.text ?? `[${part.type}]`).join("\n");
      const problem = judgeAnswer(text, answer.isError === true, call.expect);
      if (problem) problems.set(name, `${called} ${problem}`);
    }
  });
  return problems;
}

/** A gateway that serves callers without a key has lost its master key; LiteLLM itself says nothing. */
async function refusesStrangers(url: string): Promise<boolean> {
  return withGateway(url, "sk-not-a-key-of-this-gateway", listing).then(
    () => false,
    () => true,
  );
}

/** What clients see together: each tool once, and more than once where they see it with different texts. */
const together = (listings: Iterable<Listing>): Listing => {
  const all = new Map<string, readonly Tool[]>();
  for (const one of listings) for (const [server, tools] of one) all.set(server, distinctTools([...(all.get(server) ?? []), ...tools]));
  return all;
};

/** Every tool that one of the clients is shown, by server. */
export async function listTools(gatewayUrl: string, keys: readonly string[]): Promise<Listing> {
  const listings: Listing[] = [];
  for (const key of keys) listings.push(await withGateway(gatewayUrl, key, listing));
  return together(listings);
}

async function failureReport(inputs: GatewayCheckInputs, problems: ReadonlyMap<string, string>, unapproved: ReadonlyMap<string, string>): Promise<string> {
  const docker = connectDocker(inputs.docker);
  const sections = await Promise.all(
    [...problems].map(async ([name, problem]) => {
      const container = inputs.servers.find((server) => server.name === name)?.container ?? name;
      const log = await containerLogTail(docker, container, LOG_LINES).catch((error: Error) => `(log not readable: ${error.message})`);
      return `MCP server "${name}" ${problem}\n  last lines of container ${container}:\n${log.replace(/^/gm, "    ")}`;
    }),
  );
  const failed = new Set([...problems.keys(), ...unapproved.keys()]).size;
  return [
    `gateway check: ${failed} of ${inputs.servers.length} MCP servers failed at ${inputs.gatewayUrl}/mcp/`,
    ...sections,
    ...[...unapproved].map(([name, problem]) => `MCP server "${name}" ${problem}`),
    ...(unapproved.size ? [`To read the whole of it and approve it:  ${approveCommand([...unapproved.keys()], inputs.stack)}`] : []),
  ].join("\n");
}

/**
 * Lists the tools with every client's key, compares them with what was approved, and calls one of each server.
 *
 * @returns Tools by server.
 * @throws Error with each server that failed, what was seen, and its log or the command that approves its tools.
 */
export async function checkGateway(inputs: GatewayCheckInputs): Promise<Record<string, readonly string[]>> {
  if (!(await refusesStrangers(inputs.gatewayUrl)))
    throw new Error(`gateway check: ${inputs.gatewayUrl}/mcp/ lists tools for an unknown key; authentication is off (is LITELLM_MASTER_KEY set in the container?)`);
  const noAnswer = ({ name }: ExpectedClient) => (error: Error) => {
    throw new Error(`gateway check: the key of client "${name}" gets no answer from ${inputs.gatewayUrl}/mcp/: ${error.message}`);
  };
  const problems = new Map<string, string>();
  const note = (found: ReadonlyMap<string, string>) => found.forEach((problem, name) => problems.has(name) || problems.set(name, problem));

  const deadline = Date.now() + LISTED_WITHIN_MS;
  const listings = new Map<ExpectedClient, Listing>();
  for (const client of inputs.clients) listings.set(client, await listForClient(inputs, client, deadline).catch(noAnswer(client)));
  const known = together(listings.values());
  for (const [client, seen] of listings) note(judgeListing(seen, client, inputs.servers, known));
  const unapproved = judgeTools(inputs, known);
  const failed = new Map([...problems, ...unapproved]);
  for (const client of inputs.clients) note(await callForClient(inputs, client, failed).catch(noAnswer(client)));
  if (problems.size || unapproved.size) throw new Error(await failureReport(inputs, problems, unapproved));
  return Object.fromEntries([...known].map(([name, tools]) => [name, tools.map((tool) => tool.name)]));
}

export async function create(inputs: GatewayCheckInputs) {
  return { id: "gateway-check", outs: { ...inputs, tools: await checkGateway(inputs) } };
}

export async function update(_id: string, _olds: GatewayCheckInputs, news: GatewayCheckInputs) {
  return { outs: { ...news, tools: await checkGateway(news) } };
}
