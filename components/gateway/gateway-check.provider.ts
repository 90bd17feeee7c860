import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { connectDocker, containerLogTail, type DockerEndpoint } from "../docker/docker-connection.ts";
import { mayCall, type ToolRule } from "../../ingress/rights.ts";
import { distinctTools, type Tool, toolChanges, type ToolLock } from "../../approval/tool-lock.ts";
import { approveCommand, describeUnapproved } from "../../approval/tool-report.ts";

/** What one MCP server must show through the gateway. */
export interface ExpectedServer {
  readonly name: string;
  /** Its container on the daemon, for the log lines of a failure. */
  readonly container: string;
  /** What it must list, as it was approved; null: nothing was approved yet. */
  readonly lock: ToolLock | null;
  /** A cheap call that must succeed; null where the server has none. */
  readonly call: {
    readonly tool: string;
    readonly arguments: Record<string, unknown>;
    readonly expect: string | null;
  } | null;
}

/** A client, with the servers that it must see and what it may call of them; it must see nothing else. */
export interface ExpectedClient {
  readonly name: string;
  readonly key: string;
  readonly rules: Readonly<Record<string, ToolRule>>;
}

/** Inputs of the `GatewayCheck` resource. */
export interface GatewayCheckInputs {
  readonly gatewayUrl: string;
  readonly docker: DockerEndpoint;
  readonly servers: readonly ExpectedServer[];
  readonly clients: readonly ExpectedClient[];
  /** Keys that must open nothing here, by what they are. */
  readonly strangers: readonly { readonly what: string; readonly key: string }[];
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

const ruleOf = ({ rules }: ExpectedClient, server: string): ToolRule | undefined =>
  Object.hasOwn(rules, server) ? rules[server] : undefined;

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

/**
 * What is wrong with a listing, by server; empty when the client sees exactly what it must.
 *
 * @param known What all clients together see: of that, the client must see what it may call.
 */
export function judgeListing(
  listing: Listing,
  client: ExpectedClient,
  servers: readonly ExpectedServer[],
  known: Listing,
): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { name } of servers) {
    const seen = (listing.get(name) ?? []).map((tool) => tool.name);
    const rule = ruleOf(client, name);
    if (!rule) {
      if (seen.length) problems.set(name, `listed for "${client.name}", whose key may not use it`);
      continue;
    }
    const denied = seen.filter((tool) => !mayCall(rule, tool));
    const missing = (known.get(name) ?? [])
      .map((tool) => tool.name)
      .filter((tool) => mayCall(rule, tool) && !seen.includes(tool));
    if (!seen.length && rule.allow?.length !== 0) problems.set(name, `lists no tools for "${client.name}"`);
    else if (denied.length)
      problems.set(name, `lists ${denied.join(", ")} for "${client.name}", which may not call it`);
    else if (missing.length)
      problems.set(
        name,
        `lists ${seen.length} tools for "${client.name}" (${seen.sort().join(", ")}), without ${missing.join(", ")}`,
      );
  }
  return problems;
}

/** What the servers list that nobody approved, by server, as text for the user. */
export function judgeTools(
  { servers, clients }: Pick<GatewayCheckInputs, "servers" | "clients">,
  known: Listing,
): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { name, lock } of servers) {
    const listed = known.get(name);
    // A server that lists nothing has another problem: its tools were not taken away.
    if (!listed) continue;
    const rules = clients.flatMap((client) => ruleOf(client, name) ?? []);
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
    // Nothing that was listed before now: the ingress keeps its list for some seconds.
    requestInit: { headers: { authorization: `Bearer ${key}`, "cache-control": "no-cache" } },
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
async function callForClient(
  inputs: GatewayCheckInputs,
  client: ExpectedClient,
  without: ReadonlyMap<string, unknown>,
): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  await withGateway(inputs.gatewayUrl, client.key, async (mcp) => {
    for (const { name, call } of inputs.servers) {
      const rule = ruleOf(client, name);
      if (!call || !rule || without.has(name) || !mayCall(rule, call.tool)) continue;
      const called = `tool ${call.tool}, called with the key of "${client.name}",`;
      const asked = mcp.callTool({ name: `${name}-${call.tool}`, arguments: call.arguments }, undefined, {
        timeout: REQUEST_TIMEOUT_MS,
      });
      const answer = await asked.catch(
        (error: Error) => void problems.set(name, `${called} got no answer: ${error.message}`),
      );
      // A gateway that is locked up would keep each of the others waiting as long.
      if (!answer) return;
      const text = (answer.content as { type: string; text?: string }[])
        .map((part) => part.text ?? `[${part.type}]`)
        .join("\n");
      const problem = judgeAnswer(text, answer.isError === true, call.expect);
      if (problem) problems.set(name, `${called} ${problem}`);
    }
  });
  return problems;
}

/** One request as text, its status first. */
async function said(
  url: string,
  key: string,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return { status: answer.status, text: await answer.text() };
}

/** Routes of LiteLLM that must not be reached with any key: each has been a way to a secret or to everybody's settings. */
const CLOSED_ROUTES = [
  ["POST", "/utils/transform_request"],
  ["POST", "/mcp-rest/tools/call"],
  ["POST", "/key/generate"],
  ["GET", "/routes"],
  ["GET", "/v1/mcp/server"],
] as const;

const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list" };

/**
 * Tries what must fail: keys that are nobody's, routes that are closed, and for each client a call that it may not make. Each has
 * to fail for its own reason; a gateway that is merely broken refuses everything.
 *
 * @returns What did not fail as it must, in sentences.
 */
async function tryForbidden(
  { gatewayUrl: url, clients, strangers, servers }: GatewayCheckInputs,
  known: Listing,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { what, key } of [{ what: "an unknown key", key: "sk-not-a-key-of-this-gateway" }, ...strangers]) {
    const { status, text } = await said(url, key, "POST", "/mcp/", LIST);
    if (status !== 401 || !text.includes("wrong key"))
      wrong.push(`/mcp/ with ${what} must be HTTP 401 "wrong key", and is HTTP ${status} ${text.slice(0, 200)}`);
  }
  for (const { name, key, rules } of clients) {
    for (const [method, path] of CLOSED_ROUTES) {
      const { status, text } = await said(url, key, method, path, method === "POST" ? {} : undefined);
      if (status !== 404)
        wrong.push(
          `${method} ${path} with the key of "${name}" must be HTTP 404, and is HTTP ${status} ${text.slice(0, 200)}`,
        );
    }
    const { tool, reason } = forbiddenCall(
      rules,
      servers.map((server) => server.name),
      known,
    );
    const { status, text } = await said(url, key, "POST", "/mcp/", {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: tool, arguments: {} },
    });
    if (status !== 200 || !text.includes(reason))
      wrong.push(
        `a call of ${tool} with the key of "${name}" must be refused with "${reason}", and is HTTP ${status} ${text.slice(0, 200)}`,
      );
  }
  return wrong;
}

/** A call that a client with these rules may not make, with part of the text that refuses it. */
export function forbiddenCall(
  rules: ExpectedClient["rules"],
  servers: readonly string[],
  known: Listing,
): { readonly tool: string; readonly reason: string } {
  for (const server of servers) {
    const rule = Object.hasOwn(rules, server) ? rules[server] : undefined;
    const tools = (known.get(server) ?? []).map(({ name }) => name);
    if (!rule) return { tool: `${server}-${tools[0] ?? "tool"}`, reason: `may not use server ${server}` };
    const denied = tools.find((tool) => !mayCall(rule, tool)) ?? rule.deny[0];
    if (denied !== undefined)
      return { tool: `${server}-${denied}`, reason: `may not call ${denied} of server ${server}` };
  }
  // It may call everything that there is.
  return { tool: "Nobody-tool", reason: "there is no tool Nobody-tool" };
}

/** What clients see together: each tool once, and more than once where they see it with different texts. */
const together = (listings: Iterable<Listing>): Listing => {
  const all = new Map<string, readonly Tool[]>();
  for (const one of listings)
    for (const [server, tools] of one) all.set(server, distinctTools([...(all.get(server) ?? []), ...tools]));
  return all;
};

/** Every tool that one of the clients is shown, by server. */
export async function listTools(gatewayUrl: string, keys: readonly string[]): Promise<Listing> {
  const listings: Listing[] = [];
  for (const key of keys) listings.push(await withGateway(gatewayUrl, key, listing));
  return together(listings);
}

async function failureReport(
  inputs: GatewayCheckInputs,
  problems: ReadonlyMap<string, string>,
  unapproved: ReadonlyMap<string, string>,
): Promise<string> {
  const docker = connectDocker(inputs.docker);
  const sections = await Promise.all(
    [...problems].map(async ([name, problem]) => {
      const container = inputs.servers.find((server) => server.name === name)?.container ?? name;
      const log = await containerLogTail(docker, container, LOG_LINES).catch(
        (error: Error) => `(log not readable: ${error.message})`,
      );
      return `MCP server "${name}" ${problem}\n  last lines of container ${container}:\n${log.replace(/^/gm, "    ")}`;
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

/**
 * Lists the tools with every client's key, compares them with what was approved, calls one of each server, and tries what must
 * fail.
 *
 * @returns Tools by server.
 * @throws Error with each server that failed, what was seen, and its log or the command that approves its tools.
 */
export async function checkGateway(inputs: GatewayCheckInputs): Promise<Record<string, readonly string[]>> {
  const noAnswer =
    ({ name }: ExpectedClient) =>
    (error: Error) => {
      throw new Error(
        `gateway check: the key of client "${name}" gets no answer from ${inputs.gatewayUrl}/mcp/: ${error.message}`,
      );
    };
  const problems = new Map<string, string>();
  const note = (found: ReadonlyMap<string, string>) =>
    found.forEach((problem, name) => problems.has(name) || problems.set(name, problem));

  const deadline = Date.now() + LISTED_WITHIN_MS;
  const listings = new Map<ExpectedClient, Listing>();
  for (const client of inputs.clients)
    listings.set(client, await listForClient(inputs, client, deadline).catch(noAnswer(client)));
  const known = together(listings.values());
  for (const [client, seen] of listings) note(judgeListing(seen, client, inputs.servers, known));
  const unapproved = judgeTools(inputs, known);
  const failed = new Map([...problems, ...unapproved]);
  for (const client of inputs.clients) note(await callForClient(inputs, client, failed).catch(noAnswer(client)));
  if (problems.size || unapproved.size) throw new Error(await failureReport(inputs, problems, unapproved));
  const open = await tryForbidden(inputs, known);
  if (open.length)
    throw new Error(`gateway check: what must fail did not:\n${open.map((one) => `  - ${one}`).join("\n")}`);
  return Object.fromEntries([...known].map(([name, tools]) => [name, tools.map((tool) => tool.name)]));
}

export async function create(inputs: GatewayCheckInputs) {
  return { id: "gateway-check", outs: { ...inputs, tools: await checkGateway(inputs) } };
}

export async function update(_id: string, _olds: GatewayCheckInputs, news: GatewayCheckInputs) {
  return { outs: { ...news, tools: await checkGateway(news) } };
}
