import { stringify } from "csv-stringify/sync";
import Table from "cli-table3";
import pc from "picocolors";
import { visible } from "../../approval/tool-scan.ts";
import type { AuditRecord } from "./records.ts";

/** Texts of clients and servers, which may be made to steer a terminal. */
const shown = (text: string) => visible(text).replace(/[\t\n\p{Zl}\p{Zp}]+/gu, " ");
const cell = (text: string, most: number) => {
  const whole = shown(text);
  return whole.length > most ? `${whole.slice(0, most - 1)}…` : whole;
};

/** Arguments as JSON; of those that the ingress has cut, their beginning. */
function argumentsOf({ arguments: given }: AuditRecord): string {
  if (given === null || given === undefined) return "";
  const { cut } = given as { cut?: unknown };
  return typeof cut === "string" ? `${cut}…` : JSON.stringify(given);
}

const reasonOf = ({ reason, count }: AuditRecord) => `${count > 1 ? `${count} × ` : ""}${reason ?? ""}`;

const MOST = { name: 30, arguments: 50, reason: 60 } as const;

/** For a terminal. */
export function showTable(records: readonly AuditRecord[]): string {
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const table = new Table({
    head: ["time (UTC)", "client", "server", "tool", "arguments", "ms", "outcome", "reason"],
    style: { head: [], border: [] },
    chars: noRules,
  });
  table.push(
    ...records.map((record) => {
      const { time, client, address, server, tool, milliseconds, outcome } = record;
      const color = outcome === "answered" || outcome === "running" ? (text: string) => text : pc.red;
      return [
        time.slice(0, 19).replace("T", " "),
        cell(client ?? address ?? "–", MOST.name),
        cell(server ?? "–", MOST.name),
        cell(tool ?? "–", MOST.name),
        cell(argumentsOf(record), MOST.arguments),
        milliseconds === null ? "–" : String(milliseconds),
        color(outcome),
        cell(reasonOf(record), MOST.reason),
      ];
    }),
  );
  return table.toString();
}

/** What a JSON text may have and a terminal should not: the same text without it. */
const escaped = (json: string) =>
  json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
      .join(""),
  );

/** One line. */
export const showJson = (record: AuditRecord): string => escaped(JSON.stringify(record));

const COLUMNS = [
  ...["time", "client", "address", "server", "tool", "arguments", "route"],
  ...["outcome", "reason", "milliseconds", "count", "id", "result"],
] as const satisfies readonly (keyof AuditRecord)[];

/** A spreadsheet takes no cell for a formula: a `'` is before whatever would be one. */
const csv = (cells: readonly (string | number)[]) =>
  stringify([[...cells]], { escape_formulas: true, record_delimiter: "" });

export const csvHead = (): string => csv(COLUMNS);

/** One line. */
export const showCsv = (record: AuditRecord): string =>
  csv(
    COLUMNS.map((column) => {
      const value = record[column] ?? "";
      if (typeof value === "number") return value;
      return shown(typeof value === "string" && column !== "arguments" ? value : toJson(value));
    }),
  );

const toJson = (value: unknown) => (value === "" ? "" : JSON.stringify(value));

/** What stands below the table. */
export function verdict(records: readonly AuditRecord[], limit: number): string {
  if (!records.length) return "No call in the record is as asked for.";
  const outcomes = new Map<string, number>();
  for (const { outcome, count } of records) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  const all = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  const newest = records.length === limit ? ` There may be more before these: --limit is ${limit}.` : "";
  return `${all}.${newest} --json and --csv have whole arguments, addresses and reasons.`;
}
