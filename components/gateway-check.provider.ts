import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { connectDocker, containerLogTail, type DockerEndpoint } from "./docker-connection.ts";
import type { McpPolicy, ToolRule } from "./litellm-api.ts";

/** What one MCP server must show through the gateway. */
export interface ExpectedServer {
  readonly name: string;
  /** Its container on the daemon, for the log lines of a failure. */
  readonly container: string;
  /** Tools that must be listed, without the `<server>-` prefix. */
  readonly tools: readonly string[];
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
  /** Whatever a new run should follow: ids of containers. Not read. */
  readonly triggers: readonly string[];
}

/** Tool names by server, without prefix, as one key sees them. */
export type Listing = ReadonlyMap<string, readonly string[]>;

/** How long the servers may take from "container started" to "listed"; only those without a healthcheck need it. */
const LISTED_WITHIN_MS = 30_000;
const REQUEST_TIMEOUT_MS = 60_000;
const LOG_LINES = 15;

/** Groups what tools/list answered. LiteLLM names a tool `<server>-<tool>`; a server's name has no `-`. */
export function groupByServer(tools: readonly string[]): Listing {
  const listing = new Map<string, string[]>();
  for (const name of tools) {
    const at = name.indexOf("-");
    const server = at < 0 ? "" : name.slice(0, at);
    listing.set(server, [...(listing.get(server) ?? []), name.slice(at + 1)]);
  }
  return listing;
}

/** What is wrong with a listing, by server; empty when the client sees exactly what it must. */
export function judgeListing(listing: Listing, client: ExpectedClient, servers: readonly ExpectedServer[]): Map<string, string> {
  const problems = new Map<string, string>();
  for (const server of servers) {
    const seen = listing.get(server.name) ?? [];
    if (!client.servers.includes(server.name)) {
      if (seen.length) problems.set(server.name, `listed for "${client.name}", whose key may not use it`);
      continue;
    }
    const missing = server.tools.filter((tool) => !seen.includes(tool));
    if (!seen.length) problems.set(server.name, `lists no tools for "${client.name}"`);
    else if (missing.length)
      problems.set(server.name, `lists ${seen.length} tools for "${client.name}" (${[...seen].sort().join(", ")}), without ${missing.join(", ")}`);
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

/** As `gateway_policy.py` decides it. */
const mayCall = ({ allow, deny }: ToolRule, tool: string) => (allow === null || allow.includes(tool)) && !deny.includes(tool);

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
  return groupByServer(tools.map((tool) => tool.name));
}

async function checkClient(inputs: GatewayCheckInputs, client: ExpectedClient, deadline: number): Promise<{ seen: Listing; problems: Map<string, string> }> {
  return withGateway(inputs.gatewayUrl, client.key, async (mcp) => {
    let seen = await listing(mcp);
    let problems = judgeListing(seen, client, inputs.servers);
    while (problems.size && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      seen = await listing(mcp);
      problems = judgeListing(seen, client, inputs.servers);
    }
    for (const { name, call } of inputs.servers) {
      const rule = client.policy.servers[name];
      if (!call || !rule || problems.has(name) || !mayCall(rule, call.tool)) continue;
      const answer = await mcp.callTool({ name: `${name}-${call.tool}`, arguments: call.arguments }, undefined, { timeout: REQUEST_TIMEOUT_MS });
      const text = (answer.content as { type: string; text?: string }[]).map((part) => part.text ?? `[${part.type}]`).join("\n");
      const problem = judgeAnswer(text, answer.isError === true, call.expect);
      if (problem) problems.set(name, `tool ${call.tool}, called with the key of "${client.name}", ${problem}`);
    }
    return { seen, problems };
  });
}

/** A gateway that serves callers without a key has lost its master key; LiteLLM itself says nothing. */
async function refusesStrangers(url: string): Promise<boolean> {
  return withGateway(url, "sk-not-a-key-of-this-gateway", listing).then(
    () => false,
    () => true,
  );
}

async function failureReport(inputs: GatewayCheckInputs, problems: ReadonlyMap<string, string>): Promise<string> {
  const docker = connectDocker(inputs.docker);
  const sections = await Promise.all(
    [...problems].map(async ([name, problem]) => {
      const container = inputs.servers.find((server) => server.name === name)?.container ?? name;
      const log = await containerLogTail(docker, container, LOG_LINES).catch((error: Error) => `(log not readable: ${error.message})`);
      return `MCP server "${name}" ${problem}\n  last lines of container ${container}:\n${log.replace(/^/gm, "    ")}`;
    }),
  );
  return [`gateway check: ${problems.size} of ${inputs.servers.length} MCP servers failed at ${inputs.gatewayUrl}/mcp/`, ...sections].join("\n");
}

/**
 * Lists the tools with every client's key and calls one of each server.
 *
 * @returns Tools by server.
 * @throws Error with each server that failed, what was seen and its log.
 */
export async function checkGateway(inputs: GatewayCheckInputs): Promise<Record<string, readonly string[]>> {
  if (!(await refusesStrangers(inputs.gatewayUrl)))
    throw new Error(`gateway check: ${inputs.gatewayUrl}/mcp/ lists tools for an unknown key; authentication is off (is LITELLM_MASTER_KEY set in the container?)`);
  const problems = new Map<string, string>();
  const tools: Record<string, readonly string[]> = {};
  const deadline = Date.now() + LISTED_WITHIN_MS;
  for (const client of inputs.clients) {
    const result = await checkClient(inputs, client, deadline).catch((error: Error) => {
      throw new Error(`gateway check: the key of client "${client.name}" gets no answer from ${inputs.gatewayUrl}/mcp/: ${error.message}`);
    });
    for (const [name, problem] of result.problems) if (!problems.has(name)) problems.set(name, problem);
    for (const [name, seen] of result.seen) tools[name] = [...seen].sort();
  }
  if (problems.size) throw new Error(await failureReport(inputs, problems));
  return tools;
}

export async function create(inputs: GatewayCheckInputs) {
  return { id: "gateway-check", outs: { ...inputs, tools: await checkGateway(inputs) } };
}

export async function update(_id: string, _olds: GatewayCheckInputs, news: GatewayCheckInputs) {
  return { outs: { ...news, tools: await checkGateway(news) } };
}
