import { mayCall } from "../ingress/rights.ts";
import { type ExpectedClient, type Expected, ruleOf } from "./expectations.ts";
import { type Listing, REQUEST_TIMEOUT_MS } from "./listing.ts";

/** Routes of LiteLLM that no key may reach: each has been a way to a secret or to everybody's settings. */
const CLOSED_ROUTES = [
  ["POST", "/utils/transform_request"],
  ["POST", "/mcp-rest/tools/call"],
  ["POST", "/key/generate"],
  ["GET", "/routes"],
  ["GET", "/v1/mcp/server"],
] as const;

interface Gateway {
  readonly url: string;
  readonly signal: AbortSignal | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const shown = ({ status, text }: Answer) => `HTTP ${status} ${text.slice(0, 200)}`;

/**
 * Tries what must fail: keys that are nobody's, closed routes, and for each client a call that it may not make. Each
 * has to fail for its own reason, because a gateway that is merely broken refuses everything.
 *
 * @returns One sentence for each attempt that did not fail as it must.
 */
export async function tryForbidden(
  { gatewayUrl, clients, strangers, servers, signal }: Expected,
  known: Listing,
): Promise<string[]> {
  const at: Gateway = { url: gatewayUrl, signal };
  const names = servers.map(({ name }) => name);
  const wrong: (string | undefined)[] = [];
  for (const stranger of [{ what: "an unknown key", key: "sk-not-a-key-of-this-gateway" }, ...strangers])
    wrong.push(await tryStranger(at, stranger));
  for (const client of clients) {
    for (const route of CLOSED_ROUTES) wrong.push(await tryClosedRoute(at, client, route));
    wrong.push(await tryForbiddenCall(at, client, forbiddenCall(client.rules, names, known)));
  }
  return wrong.filter((sentence) => sentence !== undefined);
}

async function tryStranger(at: Gateway, { what, key }: Expected["strangers"][number]) {
  const answer = await ask(at, key, "POST", "/mcp/", { jsonrpc: "2.0", id: 1, method: "tools/list" });
  if (answer.status === 401 && answer.text.includes("wrong key")) return undefined;
  return `/mcp/ with ${what} must be HTTP 401 "wrong key", and is ${shown(answer)}`;
}

async function tryClosedRoute(at: Gateway, { name, key }: ExpectedClient, route: (typeof CLOSED_ROUTES)[number]) {
  const [method, path] = route;
  const answer = await ask(at, key, method, path, method === "POST" ? {} : undefined);
  if (answer.status === 404) return undefined;
  return `${method} ${path} with the key of "${name}" must be HTTP 404, and is ${shown(answer)}`;
}

async function tryForbiddenCall(at: Gateway, { name, key }: ExpectedClient, { tool, reason }: ForbiddenCall) {
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: {} } };
  const answer = await ask(at, key, "POST", "/mcp/", call);
  if (answer.status === 200 && answer.text.includes(reason)) return undefined;
  return `a call of ${tool} with the key of "${name}" must be refused with "${reason}", and is ${shown(answer)}`;
}

async function ask(
  { url, signal }: Gateway,
  key: string,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<Answer> {
  const inTime = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
  });
  return { status: answer.status, text: await answer.text() };
}

/** A call that must be refused, with part of the text that refuses it. */
export interface ForbiddenCall {
  readonly tool: string;
  readonly reason: string;
}

/** A call that a client with these rules may not make. */
export function forbiddenCall(
  rules: ExpectedClient["rules"],
  servers: readonly string[],
  known: Listing,
): ForbiddenCall {
  for (const server of servers) {
    const rule = ruleOf({ rules }, server);
    const tools = (known.get(server) ?? []).map(({ name }) => name);
    if (!rule) return { tool: `${server}-${tools[0] ?? "tool"}`, reason: `may not use server ${server}` };
    const denied = tools.find((tool) => !mayCall(rule, tool)) ?? rule.deny[0];
    if (denied !== undefined)
      return { tool: `${server}-${denied}`, reason: `may not call ${denied} of server ${server}` };
  }
  // The client may call every tool there is, so the call is of one that there is not.
  return { tool: "Nobody-tool", reason: "there is no tool Nobody-tool" };
}
