import { readFileSync } from "node:fs";
import path from "node:path";
import semver from "semver";
import { projectRoot } from "../../lib/project-root.ts";

/** Where what differs between versions of LiteLLM is written down; nothing of it is written a second time. */
export const VERSIONS_PAGE = "docs/litellm-versions.md";
/** Of its chapters, those whose tables have a column for each version, and are about what a stack's clients and keys meet. */
const CHAPTERS = ["MCP", "Permissions"];

/** What is otherwise in one version of LiteLLM than in another. */
export interface Difference {
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface Differences {
  /** Versions that the page has a column for, nearest to those that were asked for and not newer. */
  readonly before: string;
  readonly after: string;
  readonly found: readonly Difference[];
}

/** A row of a table: what it is about, and what it says of each version. */
interface Row {
  readonly what: string;
  readonly said: Readonly<Record<string, string>>;
}

/**
 * What the page on versions says otherwise of one version than of another.
 *
 * @returns Undefined for a version that is older than all that the page knows.
 */
export function differencesBetween(
  from: string,
  to: string,
  page = readFileSync(path.join(projectRoot, VERSIONS_PAGE), "utf8"),
): Differences | undefined {
  const rows = tableRows(page);
  const versions = [...new Set(rows.flatMap(({ said }) => Object.keys(said)))].sort(semver.rcompare);
  const nearest = (wanted: string) => versions.find((version) => semver.gte(wanted, version));
  const [before, after] = [nearest(from), nearest(to)];
  if (before === undefined || after === undefined) return undefined;
  const found = rows.flatMap(({ what, said }) => {
    const [old, now] = [said[before], said[after]];
    return old === undefined || now === undefined || old === now ? [] : [{ what, before: old, after: now }];
  });
  return { before, after, found };
}

const cellsOf = (line: string) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

function tableRows(page: string): Row[] {
  const rows: Row[] = [];
  let chapter = "";
  let heads: readonly string[][] | undefined;
  for (const line of page.split("\n")) {
    if (line.startsWith("## ")) chapter = line.slice("## ".length).trim();
    if (!line.startsWith("|")) heads = undefined;
    else if (!CHAPTERS.includes(chapter) || line.startsWith("|-")) continue;
    // `1.77.3 and 1.77.7`, `1.78.0 and later (seen: 1.106.2)`; a column that names none is about something else.
    else if (!heads) heads = cellsOf(line).map((head) => head.match(/\d+\.\d+\.\d+/g) ?? []);
    else rows.push(rowOf(cellsOf(line), heads));
  }
  return rows.filter(({ said }) => Object.keys(said).length);
}

function rowOf([what = "", ...cells]: readonly string[], [, ...heads]: readonly string[][]): Row {
  // "the same": as the cell to its left.
  const texts = cells.reduce<string[]>((all, cell) => [...all, cell === "the same" ? (all.at(-1) ?? cell) : cell], []);
  const said = heads.flatMap((versions, column) => versions.map((version) => [version, texts[column] ?? ""] as const));
  return { what, said: Object.fromEntries(said) };
}
