import { setTimeout as pause } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import type { LiteLlm } from "./litellm.ts";
import { log } from "./log.ts";
import { type ClientRights, mayCall, type Rights, ruleOf, splitName } from "./rights.ts";

/** A tool as LiteLLM lists it; everything in it goes to the client as it is. */
export interface ListedTool extends Readonly<Record<string, unknown>> {
  readonly name: string;
}

/** What a client is told when LiteLLM cannot list. */
export class NotListed extends Error {}

export interface ToolListOptions {
  readonly freshMs?: number;
  /** How long a new listing is waited for when there is an older one. */
  readonly patienceMs?: number;
  readonly oldestMs?: number;
  /** Least time between two listings that clients ask for with `cache-control: no-cache`. */
  readonly apartMs?: number;
}

const WARM_WITHIN_MS = 40_000;

/**
 * What all servers list, asked of LiteLLM with one key that sees all of them.
 *
 * LiteLLM's MCP library keeps one list of tools for all of its callers, which any caller's `tools/list` replaces, and a
 * call to a tool that is not in it makes LiteLLM list every server first, up to 30 s each. So clients never list at
 * LiteLLM themselves: each gets its part of this list, and LiteLLM's own always has every tool.
 */
export class ToolList {
  readonly #litellm: () => LiteLlm;
  readonly #key: string;
  readonly #options: Required<ToolListOptions>;
  #known: { readonly tools: readonly ListedTool[]; readonly at: number } | undefined;
  #listing: Promise<readonly ListedTool[]> | undefined;
  #nextListing: Promise<readonly ListedTool[]> | undefined;
  #lastListing = -Infinity;

  constructor(litellm: () => LiteLlm, key: string, options: ToolListOptions = {}) {
    this.#litellm = litellm;
    this.#key = key;
    this.#options = { freshMs: 5_000, patienceMs: 2_000, oldestMs: 10 * 60_000, apartMs: 1_000, ...options };
  }

  /**
   * @param newer Nothing that was listed before this moment.
   * @param freshMs How old a list may be that is given without asking.
   * @throws NotListed, Away
   */
  async get({ newer = false, freshMs = this.#options.freshMs } = {}): Promise<readonly ListedTool[]> {
    const known = this.#known;
    const age = known ? Date.now() - known.at : Infinity;
    if (!newer && known && age < freshMs) return known.tools;
    const listing = newer ? this.#after() : this.#list();
    if (newer || !known || age > this.#options.oldestMs) return listing;
    // A server that hangs makes LiteLLM's listing take half a minute; its clients are not made to wait for that.
    let timer: NodeJS.Timeout | undefined;
    const older = new Promise<readonly ListedTool[]>((resolve) => {
      timer = setTimeout(() => resolve(known.tools), this.#options.patienceMs);
    });
    try {
      return await Promise.race([listing, older]);
    } finally {
      clearTimeout(timer);
      listing.catch(() => {});
    }
  }

  /** Lists without waiting at the gate: for the moment before it opens. */
  async warm(): Promise<void> {
    await this.#ask(true);
  }

  /** The last listing, whatever its age; a call need not wait for a newer one. */
  async last(): Promise<readonly ListedTool[]> {
    return this.#known?.tools ?? this.get();
  }

  /** Whether the last listing has a tool of that full name. */
  has(name: string): boolean {
    return this.#known?.tools.some((tool) => tool.name === name) ?? false;
  }

  /** A listing that runs already may have begun before whatever the caller wants to see. */
  async #after(): Promise<readonly ListedTool[]> {
    await this.#listing?.catch(() => {});
    this.#nextListing ??= this.#listLater();
    return this.#nextListing;
  }

  /**
   * Each listing makes LiteLLM connect to every server: one client that asks in a row would keep it busy for everybody.
   */
  async #listLater(): Promise<readonly ListedTool[]> {
    await pause(Math.max(0, this.#lastListing + this.#options.apartMs - performance.now()));
    // Requests that come from now on need a listing that begins after this one.
    this.#nextListing = undefined;
    return this.#list();
  }

  #list(): Promise<readonly ListedTool[]> {
    this.#listing ??= this.#ask(false).finally(() => (this.#listing = undefined));
    return this.#listing;
  }

  async #ask(pastGate: boolean): Promise<readonly ListedTool[]> {
    const started = Date.now();
    this.#lastListing = performance.now();
    const answer = await this.#litellm().ask({
      method: "POST",
      path: "/mcp/",
      key: this.#key,
      headers: { accept: "application/json, text/event-stream" },
      body: { jsonrpc: "2.0", id: 1, method: "tools/list" },
      repeatable: true,
      pastGate,
      // Everybody waits for the list that opens the gate; LiteLLM gives a server that hangs half a minute.
      ...(pastGate && { signal: AbortSignal.timeout(WARM_WITHIN_MS) }),
    });
    const text = await answer.body.text();
    if (answer.status !== 200)
      throw new NotListed(`LiteLLM answered tools/list with HTTP ${answer.status}: ${text.slice(0, 200)}`);
    const message = messageIn(text) as {
      readonly result?: { readonly tools?: readonly ListedTool[] };
      readonly error?: unknown;
    };
    if (!Array.isArray(message.result?.tools))
      throw new NotListed(`LiteLLM answered tools/list with ${JSON.stringify(message.error ?? message).slice(0, 200)}`);
    const tools = message.result.tools;
    const slow = Date.now() - started;
    if (slow > 5_000) log("slow listing", { milliseconds: slow, tools: tools.length });
    this.#known = { tools, at: Date.now() };
    return tools;
  }
}

/** The last JSON-RPC message of an answer, which is JSON or a stream of events. */
export function messageIn(text: string): unknown {
  if (!/^\s*(event|data|id|retry|:)/.test(text)) return JSON.parse(text);
  const messages: unknown[] = [];
  const parser = createParser({ onEvent: ({ data }) => void messages.push(JSON.parse(data)) });
  parser.feed(text.endsWith("\n\n") ? text : `${text}\n\n`);
  return messages.filter((message) => typeof message === "object" && message !== null && "id" in message).at(-1);
}

/** The client's part of the list: the servers that the request is about, and of them the tools that it may call. */
export function visibleTools(
  tools: readonly ListedTool[],
  client: ClientRights,
  servers: readonly string[],
): readonly ListedTool[] {
  return tools.filter(({ name }) => {
    const parts = splitName(name);
    if (!parts || !servers.includes(parts.server)) return false;
    const rule = ruleOf(client, parts.server);
    return rule !== undefined && mayCall(rule, parts.tool);
  });
}

/** Whether the list has a tool of that full name, of a server of the stack. */
export const isListed = (tools: readonly ListedTool[], rights: Rights, name: string) =>
  tools.some((tool) => tool.name === name) && rights.servers.some((server) => server.name === splitName(name)?.server);
