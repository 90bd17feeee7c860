import type { ToolLock } from "../approval/tool-lock.ts";
import type { ToolRule } from "../ingress/rights.ts";

/** What one MCP server must show through the gateway. */
export interface ExpectedServer {
  readonly name: string;
  /** Its container on the daemon: a failure shows the last lines of its log. */
  readonly container: string;
  /** The container of its adapter, which knows what it lists before anything is withheld; null where it has none. */
  readonly adapter: string | null;
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

/** What a gateway must be, and what it must refuse. */
export interface Expected {
  readonly gatewayUrl: string;
  readonly servers: readonly ExpectedServer[];
  readonly clients: readonly ExpectedClient[];
  /** Keys that must open nothing here, each with the words that a message uses for it. */
  readonly strangers: readonly { readonly what: string; readonly key: string }[];
  /** Aborted when nobody waits for the answer any more: what is asked then ends, with an error. */
  readonly signal?: AbortSignal;
}

/** What a client may call of a server; undefined where it may not use the server. */
export const ruleOf = ({ rules }: Pick<ExpectedClient, "rules">, server: string): ToolRule | undefined =>
  Object.hasOwn(rules, server) ? rules[server] : undefined;
