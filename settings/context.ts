import { dotted } from "../lib/dotted.ts";
import type { Problems } from "./problems.ts";
import { NAMESPACE, type StackConfig } from "./schemas/stack-schema.ts";

export interface LoadArgs {
  /** Name of the stack's file, for messages. */
  readonly stackFile: string;
  /**
   * Values under `litellm-mcp:`, by key. `secrets` is among them only when its values are not encrypted, which is
   * refused. A symbol stands for a value that must not be shown; its description is shown instead.
   */
  readonly config: Readonly<Record<string, unknown>>;
  /** Names under `litellm-mcp:secrets`. */
  readonly secretNames: readonly string[];
  /** Folder with one folder for each MCP server. */
  readonly mcpDir: string;
}

/** What all checks and resolvers share. */
export interface Context extends LoadArgs {
  readonly problems: Problems;
  readonly warnings: string[];
  /** Names of the secrets that some setting refers to. */
  readonly usedSecrets: Set<string>;
}

/** The stack's keys. One whose value is wrong is undefined, and its problem was noted. */
export type Parsed = { readonly [K in keyof StackConfig]: StackConfig[K] | undefined };

/** Dotted path of a key of the stack's file. */
export const stackPath = (...path: readonly PropertyKey[]) => dotted(`${NAMESPACE}:${String(path[0])}`, path.slice(1));

/** The command that sets a secret; it asks for the value. */
export const setSecret = (name: string) => `\`pulumi config set --secret --path '${stackPath("secrets", name)}'\``;
