import { toolChanges } from "../approval/tool-lock.ts";
import { describeUnapproved } from "../approval/tool-report.ts";
import { mayCall, type ToolRule } from "../ingress/rights.ts";
import { type ExpectedClient, type ExpectedServer, type Expected, ruleOf } from "./expectations.ts";
import type { Listing } from "./listing.ts";

/** What is wrong, by the server's name; each text goes on after `MCP server "<name>" `. */
export type Problems = ReadonlyMap<string, string>;

/**
 * What is wrong with a listing; empty when the client sees exactly what it must.
 *
 * @param known What all clients together see. The client must see those of these tools that it may call.
 */
export function judgeListing(
  listing: Listing,
  client: ExpectedClient,
  servers: readonly Pick<ExpectedServer, "name">[],
  known: Listing,
): Problems {
  const problems = new Map<string, string>();
  for (const { name } of servers) {
    const problem = judgeServer(namesOf(listing, name), ruleOf(client, name), client.name, namesOf(known, name));
    if (problem) problems.set(name, problem);
  }
  return problems;
}

const namesOf = (listing: Listing, server: string) => (listing.get(server) ?? []).map(({ name }) => name);

function judgeServer(
  seen: readonly string[],
  rule: ToolRule | undefined,
  client: string,
  known: readonly string[],
): string | undefined {
  if (!rule) return seen.length ? `listed for "${client}", whose key may not use it` : undefined;
  if (!seen.length && rule.allow?.length !== 0) return `lists no tools for "${client}"`;
  const denied = seen.filter((tool) => !mayCall(rule, tool));
  if (denied.length) return `lists ${denied.join(", ")} for "${client}", which may not call it`;
  const missing = known.filter((tool) => mayCall(rule, tool) && !seen.includes(tool));
  if (missing.length)
    return `lists ${seen.length} tools for "${client}" (${[...seen].sort().join(", ")}), without ${missing.join(", ")}`;
  return undefined;
}

/** What servers list to their adapters that nobody approved, by server, as text for the user. */
export const judgeWithheld = (servers: Expected["servers"], listed: Listing): Problems =>
  compare(servers, listed, () => true);

/** The same of what is listed through the gateway, where an approved tool that no client may call can be missing. */
export const judgeTools = ({ servers, clients }: Pick<Expected, "servers" | "clients">, known: Listing): Problems =>
  compare(servers, known, (server, tool) =>
    clients.some((client) => {
      const rule = ruleOf(client, server);
      return rule !== undefined && mayCall(rule, tool);
    }),
  );

function compare(
  servers: Expected["servers"],
  listing: Listing,
  isMissed: (server: string, tool: string) => boolean,
): Problems {
  const problems = new Map<string, string>();
  for (const { name, lock } of servers) {
    const listed = listing.get(name);
    // A server that lists nothing has another problem: its tools were not taken away.
    if (!listed) continue;
    const changes = toolChanges(lock ?? {}, listed, (tool) => isMissed(name, tool));
    if (changes.length) problems.set(name, describeUnapproved(name, lock, changes));
  }
  return problems;
}

/** Servers whose tools have other texts through the gateway than those that were approved, although they list these. */
export function judgeTexts(
  inputs: Pick<Expected, "servers" | "clients">,
  known: Listing,
  unapproved: Problems,
): Problems {
  const servers = inputs.servers.filter(({ name, adapter }) => adapter !== null && !unapproved.has(name));
  const changed = judgeTools({ ...inputs, servers }, known);
  return new Map(
    [...changed].map(([name, text]) => [name, `${text}\n  Its adapter shows them as approved: it is LiteLLM`]),
  );
}

/**
 * Why an answer of tools/call is no success; undefined when it is one. LiteLLM 1.77.3 reports failures as plain text.
 */
export function judgeAnswer(text: string, isError: boolean, expect: string | null): string | undefined {
  const failed = isError || text === "" || /^(Error\b|MCP client session is not initialized)/.test(text);
  if (!failed && (expect === null || text.includes(expect))) return undefined;
  const expected = expect === null ? "" : `, expected text with ${JSON.stringify(expect)}`;
  return `answered ${JSON.stringify(text.slice(0, 300))}${expected}`;
}
