import { dotted } from "../lib/dotted.ts";
import type { Problems } from "./problems.ts";
import { NAMESPACE, type StackConfig } from "./schemas/stack-schema.ts";

export interface LoadArgs {
  /** Name of the stack's file, for messages. */
  readonly stackFile: string;
  /**
   * Values under `litellm-mcp:`, by key. `secrets` is not among them: when it is, its values are not encrypted. A symbol
   * stands for a value that must not be shown.
   */
  readonly config: Readonly<Record<string, unknown>>;
  /** Names under `litellm-mcp:secrets`. */
  readonly secretNames: readonly string[];
  /** Folder with one folder for each MCP server. */
  readonly mcpDir: string;
}

/** What the checks share. */
export interface Context extends LoadArgs {
  readonly problems: Problems;
  readonly warnings: string[];
  /** Secrets that something refers to. */
  readonly usedSecrets: Set<string>;
}

/** The stack's keys; undefined where something is wrong and was noted. */
export type Parsed = { readonly [K in keyof StackConfig]: StackConfig[K] | undefined };

/** Dotted path of a key of the stack's file. */
export const stackPath = (...path: readonly PropertyKey[]) => dotted(`${NAMESPACE}:${String(path[0])}`, path.slice(1));

/** The command that sets a secret; it asks for the value. */
export const setSecret = (name: string) => `\`pulumi config set --secret --path '${stackPath("secrets", name)}'\``;
