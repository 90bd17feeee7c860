import { structuredPatch } from "diff";
import pc from "picocolors";
import { type Action, type Change, type Field, type Plan, SECRET, UNKNOWN } from "./plan.ts";

const MARKS: Readonly<Record<Action, string>> = {
  create: pc.green("+ create "),
  update: pc.yellow("~ update "),
  replace: pc.yellow("± replace"),
  delete: pc.red("- delete "),
};

const VALUE_CHARACTERS = 80;

/**
 * The plan for whoever reads it: each change with what differs, and in one line what only follows from them.
 *
 * @param lines At most so many of each text that differs, and so many values of each resource.
 */
export function showPlan({ changes, unchanged }: Pick<Plan, "changes" | "unchanged">, lines = Infinity): string {
  if (!changes.length) return `Nothing to change: ${unchanged} resources are as the settings say.`;
  const own = changes.filter(({ follows }) => !follows);
  const others = changes.filter(({ follows }) => follows).map(({ what }) => what);
  return [
    ...own.map((change) => showChange(change, lines)),
    ...(others.length ? [`  ${pc.dim(`and with them: ${others.join(", ")}`)}`] : []),
    `  ${pc.dim(`${changes.length} to change, ${unchanged} unchanged`)}`,
  ].join("\n");
}

function showChange({ action, what, fields }: Change, lines: number): string {
  const rest = fields.length - lines;
  return [
    `  ${MARKS[action]} ${what}`,
    ...fields.slice(0, lines).flatMap((field) => showField(field, lines)),
    ...(rest > 0 ? [`      ${more(rest, "values")}`] : []),
  ].join("\n");
}

const more = (rest: number, what: string) => pc.dim(`… ${rest} ${what} more: npm run preview`);

function showField({ name, before, after }: Field, lines: number): string[] {
  if (isText(before) && isText(after)) return [`      ${name}`, ...patch(before, after, lines)];
  if (before === SECRET && after === SECRET) return [`      ${name}: ${pc.dim("a secret changes")}`];
  if (before === undefined) return [`      ${name}: ${pc.green(short(after))}`];
  if (after === undefined) return [`      ${name}: ${pc.red(short(before))} ${pc.dim("goes")}`];
  return [`      ${name}: ${pc.red(short(before))} → ${pc.green(short(after))}`];
}

/** What differs in one line. */
export const showFields = (fields: readonly Field[]): string =>
  fields
    .map(({ name, before, after }) => `${name} ${short(before) || "nothing"} → ${short(after) || "nothing"}`)
    .join(", ");

/** Whether a value has lines that can be compared. */
const isText = (value: unknown): value is string => typeof value === "string" && value.includes("\n");

/** The lines that differ, with one around them. */
function patch(before: string, after: string, most: number): string[] {
  const { hunks } = structuredPatch("", "", before, after, undefined, undefined, { context: 1 });
  const all = hunks.flatMap(({ newStart, lines }) => [
    pc.dim(`line ${newStart}`),
    ...lines.map((line) => (line.startsWith("+") ? pc.green(line) : line.startsWith("-") ? pc.red(line) : line)),
  ]);
  const rest = all.length - most;
  return [...all.slice(0, most), ...(rest > 0 ? [more(rest, "lines")] : [])].map((line) => `        ${line}`);
}

function short(value: unknown): string {
  if (value === UNKNOWN) return "(known later)";
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const line = text.split("\n")[0]!;
  return line.length < text.length || line.length > VALUE_CHARACTERS ? `${line.slice(0, VALUE_CHARACTERS)}…` : line;
}
