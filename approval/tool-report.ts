import type { Tool, ToolChange, ToolLock } from "./tool-lock.ts";
import { nameOf, schemaHash } from "./tool-lock.ts";
import { type Suspicion, suspicionsOf, visible } from "./tool-scan.ts";

/** `brief` is for the error of an `up`. `whole` is for somebody who approves: it leaves out nothing that is new. */
export type Detail = "brief" | "whole";

const CONTEXT = 30;
const BRIEF_CHANGE = 240;
const BRIEF_LINE = 100;

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** First line of a description that is not blank. */
export const firstLine = (description: string) => cut(visible(description.trim().split("\n")[0] ?? ""), BRIEF_LINE);

/** How many characters two texts have in common at their beginning, and how many of the rest at their end. */
function common(a: string, b: string): { start: number; end: number } {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  return { start, end };
}

/**
 * Both texts around the place where they differ: what is left out at the ends is the same in both. No marks are set
 * inside a text, since a server could write the same marks into its description.
 */
function aroundChange(before: string, after: string, detail: Detail): [string, string] {
  const { start, end } = common(before, after);
  const from = Math.max(0, start - CONTEXT);
  const passage = (text: string) => {
    const to = Math.min(text.length, text.length - end + CONTEXT);
    const middle = text.slice(from, to);
    const shown = detail === "whole" ? middle : cut(middle, BRIEF_CHANGE);
    return visible(`${from > 0 ? "…" : ""}${shown}${to < text.length ? "…" : ""}`).replace(/\n/g, "⏎");
  };
  return [passage(before), passage(after)];
}

const indent = (text: string, by: number) => text.replace(/^/gm, " ".repeat(by));

/** A line for each. */
export const describeSuspicions = (suspicions: readonly Suspicion[]) =>
  suspicions
    .map(
      ({ code, where, what, quote }) =>
        `    ! suspicious (${code}), ${where}: ${what}${quote && `: ${JSON.stringify(quote)}`}`,
    )
    .join("\n");

const wholeSchema = ({ inputSchema }: Tool) => [indent(visible(JSON.stringify(inputSchema, undefined, 2)), 6)];

function lines(change: ToolChange, detail: Detail): string[] {
  switch (change.kind) {
    case "removed":
      return [`  - ${visible(change.name)}: removed`];
    case "added": {
      const { tool } = change;
      const head = `  + ${visible(tool.name)}: `;
      return detail === "brief"
        ? [`${head}${firstLine(tool.description)}`]
        : [`${head}added`, indent(visible(tool.description), 6), "    input schema:", ...wholeSchema(tool)];
    }
    case "description": {
      const [was, is] = aroundChange(change.before, change.tool.description, detail);
      return [`  ~ ${visible(change.tool.name)}: description changed`, `      was: ${was}`, `      is:  ${is}`];
    }
    case "schema": {
      const hash = schemaHash(change.tool.inputSchema).slice(0, "sha256:".length + 12);
      return [
        `  ~ ${visible(change.tool.name)}: input schema changed, it is now ${hash}…`,
        ...(detail === "whole" ? wholeSchema(change.tool) : []),
      ];
    }
  }
}

/** The suspicions about the tools that were added or changed, by the name of the tool. */
export const suspicionsAmong = (changes: readonly ToolChange[]): Map<string, Suspicion[]> =>
  new Map(
    changes.flatMap((change) => {
      const found = change.kind === "removed" ? [] : suspicionsOf(change.tool);
      return found.length ? [[nameOf(change), found] as const] : [];
    }),
  );

/**
 * The changes of one server's tools for a terminal: a line or more each, and suspicions below the last change of their
 * tool.
 */
export function describeChanges(changes: readonly ToolChange[], detail: Detail): string {
  const suspicions = suspicionsAmong(changes);
  return changes
    .flatMap((change, at) => {
      const last = !changes.slice(at + 1).some((other) => nameOf(other) === nameOf(change));
      const suspicious = last ? suspicions.get(nameOf(change)) : undefined;
      return [...lines(change, detail), ...(suspicious ? [describeSuspicions(suspicious)] : [])];
    })
    .join("\n");
}

/** The command that approves what servers list now. */
export const approveCommand = (servers: readonly string[], stack: string) =>
  `npm run tools -- approve ${servers.join(" ")}${stack === "local" ? "" : ` --stack ${stack}`}`;

/** For the error of an `up`: how the tools that a server lists differ from those that were approved. */
export function describeUnapproved(server: string, lock: ToolLock | null, changes: readonly ToolChange[]): string {
  const head = lock
    ? `lists other tools than mcp/${server}/tools.lock.json, which are those that were approved:`
    : `lists ${changes.length} tools that nobody has approved yet (there is no mcp/${server}/tools.lock.json):`;
  return `${head}\n${describeChanges(changes, "brief")}`;
}
