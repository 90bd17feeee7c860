import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Tool } from "../approval/tool-lock.ts";
import { mayCall } from "../ingress/rights.ts";
import { type Expected, type ExpectedClient, ruleOf } from "./expectations.ts";
import { judgeAnswer, judgeListing, judgeTexts, judgeTools, judgeWithheld, type Problems } from "./judge.ts";
import { list, type Listing, REQUEST_TIMEOUT_MS, together, withGateway } from "./listing.ts";

/** How long the servers may take from "container started" to "listed"; only those without a healthcheck need it. */
const LISTED_WITHIN_MS = 30_000;
const LIST_AGAIN_AFTER_MS = 1_000;

/** What servers list before anything is withheld, which their adapters alone know. */
export interface AtAdapters {
  /** By server; of those whose adapter was asked. */
  readonly listed: ReadonlyMap<string, readonly Tool[]>;
  /** Of those whose adapter did not say it. */
  readonly silent: Problems;
}

export const NOBODY_ASKED: AtAdapters = { listed: new Map(), silent: new Map() };

export interface Examined {
  /** What all clients together see. */
  readonly known: Listing;
  readonly problems: Problems;
  /** Of servers that list what nobody has approved. */
  readonly unapproved: Problems;
  /** Servers that were not called, because a call before got no answer: a gateway that is locked up answers none. */
  readonly untried: ReadonlySet<string>;
}

/**
 * Lists the tools with every client's key, compares them with what was approved, and calls one of each server.
 *
 * @param listedWithinMs How long servers that list nothing are asked again.
 * @throws Error that names the client whose key gets no answer.
 */
export async function examine(
  expected: Expected,
  { listed, silent }: AtAdapters,
  listedWithinMs = LISTED_WITHIN_MS,
): Promise<Examined> {
  const { servers } = expected;
  const withheld = judgeWithheld(servers, listed);
  // What is withheld is missing in every listing, and nobody waits for it: that it is withheld says why.
  const rest = servers.filter(({ name }) => !withheld.has(name) && !silent.has(name));
  const deadline = Date.now() + listedWithinMs;
  const listings = await forEachClient(expected, (client) =>
    listForClient({ ...expected, servers: rest }, client, deadline),
  );
  const known = together(listings.values());
  const direct = servers.filter(({ adapter }) => adapter === null);
  const unapproved = new Map([...withheld, ...judgeTools({ ...expected, servers: direct }, known)]);
  const there = new Map([...known, ...[...listed].filter(([name]) => !unapproved.has(name))]);
  const mislisted = firstProblems([
    silent,
    ...[...listings].map(([client, listing]) => judgeListing(listing, client, rest, there)),
    judgeTexts(expected, known, unapproved),
  ]);
  const notCalled = new Set([...mislisted.keys(), ...unapproved.keys()]);
  const callable = servers.filter(({ name }) => !notCalled.has(name));
  const calls = await forEachClient(expected, (client) => callForClient({ ...expected, servers: callable }, client));
  const called = [...calls.values()];
  return {
    ...{ known, unapproved },
    problems: firstProblems([mislisted, ...called.map(({ problems }) => problems)]),
    untried: new Set(called.flatMap(({ untried }) => untried)),
  };
}

/** One answer for each client, asked for one after the other; an error names the client. */
async function forEachClient<T>(
  { clients, gatewayUrl }: Expected,
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
function listForClient(expected: Expected, client: ExpectedClient, deadline: number): Promise<Listing> {
  const { gatewayUrl, servers, signal } = expected;
  const ask = async (mcp: Client) => {
    let seen = await list(mcp);
    while (judgeListing(seen, client, servers, seen).size && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LIST_AGAIN_AFTER_MS));
      seen = await list(mcp);
    }
    return seen;
  };
  return withGateway(gatewayUrl, client.key, ask, signal);
}

/** Calls one tool of each of the client's servers; what went wrong, by server. */
function callForClient(
  { gatewayUrl, servers, signal }: Expected,
  client: ExpectedClient,
): Promise<{ readonly problems: Problems; readonly untried: readonly string[] }> {
  const ask = async (mcp: Client) => {
    const problems = new Map<string, string>();
    for (const [at, { name, call }] of servers.entries()) {
      const rule = ruleOf(client, name);
      if (!call || !rule || !mayCall(rule, call.tool)) continue;
      const called = `tool ${call.tool}, called with the key of "${client.name}",`;
      const asked = mcp.callTool({ name: `${name}-${call.tool}`, arguments: call.arguments }, undefined, {
        timeout: REQUEST_TIMEOUT_MS,
      });
      const answer = await asked.catch(
        (error: Error) => void problems.set(name, `${called} got no answer: ${error.message}`),
      );
      // The calls that are left would wait as long.
      if (!answer) return { problems, untried: servers.slice(at + 1).map((server) => server.name) };
      const text = (answer.content as { type: string; text?: string }[])
        .map((part) => part.text ?? `[${part.type}]`)
        .join("\n");
      const problem = judgeAnswer(text, answer.isError === true, call.expect);
      if (problem) problems.set(name, `${called} ${problem}`);
    }
    return { problems, untried: [] };
  };
  return withGateway(gatewayUrl, client.key, ask, signal);
}
