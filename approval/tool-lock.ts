import { createHash } from "node:crypto";
import * as z from "zod";
import { compareText } from "../lib/compare-text.ts";
import { own } from "../lib/own.ts";
import { repeatedValues } from "../lib/repeated-values.ts";
import { strict } from "../lib/strict.ts";

/** Beside `server.yaml`: the server's tools as somebody has read and approved them. */
export const TOOL_LOCK_FILE = "tools.lock.json";

/** A tool as a server lists it, by its own name; an absent description is empty. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: unknown;
}

const RESTORE = "bring the file back as `npm run tools -- approve` wrote it";
const text = z.string({ error: RESTORE });

/** A tool lock: each tool with its description as it is, and the hash of its input schema (see `schemaHash`). */
export const toolLockSchema = z.record(
  text,
  strict({ description: text, inputSchema: text.regex(/^sha256:[0-9a-f]{64}$/, { error: RESTORE }) }),
  { error: `a map from tool to description and inputSchema: ${RESTORE}` },
);

export type ToolLock = Readonly<z.infer<typeof toolLockSchema>>;

/**
 * A difference between the tool lock and what is listed. One tool can have two: in its description and in its schema.
 */
export type ToolChange =
  | { readonly kind: "added"; readonly tool: Tool }
  | { readonly kind: "removed"; readonly name: string }
  | { readonly kind: "description"; readonly tool: Tool; readonly before: string }
  | { readonly kind: "schema"; readonly tool: Tool };

export const nameOf = (change: ToolChange) => (change.kind === "removed" ? change.name : change.tool.name);

/**
 * The same value with the keys of every map sorted, since a server may write its schema in another order each time. It
 * takes any JSON, half a surrogate pair as well: a schema that has one must be shown as changed and suspicious, not end
 * the check with an error.
 */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}

/** `sha256:` and the hexadecimal SHA-256 of the schema as JSON with sorted keys. */
export const schemaHash = (schema: unknown) =>
  `sha256:${createHash("sha256")
    .update(JSON.stringify(canonical(schema)))
    .digest("hex")}`;

/**
 * What a server listed to several callers, as one list without repetitions. A tool that was listed with two texts is
 * there twice.
 */
export function distinctTools(tools: readonly Tool[]): Tool[] {
  const distinct = new Map(
    tools.map((tool) => [JSON.stringify([tool.name, tool.description, schemaHash(tool.inputSchema)]), tool]),
  );
  return [...distinct.values()].sort((a, b) => compareText(a.name, b.name));
}

/**
 * What differs between the tool lock and what is listed, sorted by the tools' names.
 *
 * @param listed A name may be in it more than once, with different texts: then one of them differs from the tool lock.
 * @param mayBeListed Whether an approved tool can be listed at all. One that no client may call is not, and is not
 * reported as removed.
 */
export function toolChanges(
  lock: ToolLock,
  listed: readonly Tool[],
  mayBeListed: (name: string) => boolean = () => true,
): ToolChange[] {
  const changes = listed.flatMap((tool): ToolChange[] => {
    const locked = own(lock, tool.name);
    if (!locked) return [{ kind: "added", tool }];
    return [
      ...(locked.description === tool.description
        ? []
        : [{ kind: "description", tool, before: locked.description } as const]),
      ...(locked.inputSchema === schemaHash(tool.inputSchema) ? [] : [{ kind: "schema", tool } as const]),
    ];
  });
  const removed = Object.keys(lock)
    .filter((name) => mayBeListed(name) && !listed.some((tool) => tool.name === name))
    .map((name): ToolChange => ({ kind: "removed", name }));
  return [...changes, ...removed].sort((a, b) => compareText(nameOf(a), nameOf(b)));
}

/**
 * The text of a tool lock that approves `tools`, sorted, so that its diff in Git shows what changed.
 *
 * @param kept What was approved earlier and stays approved, although it is not listed now.
 * @throws Error for a name that is listed with two texts: nobody can tell which of them a client gets.
 */
export function writeToolLock(tools: readonly Tool[], kept: ToolLock = {}): string {
  const repeated = [...new Set(repeatedValues(tools.map(({ name }) => name)).map(([, name]) => name))];
  if (repeated.length)
    throw new Error(`different texts for one name, of which a tool lock can hold one: ${repeated.join(", ")}`);
  const listed = tools.map(
    ({ name, description, inputSchema }) => [name, { description, inputSchema: schemaHash(inputSchema) }] as const,
  );
  return `${JSON.stringify(canonical(Object.fromEntries([...Object.entries(kept), ...listed])), undefined, 2)}\n`;
}
