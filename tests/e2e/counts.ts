import assert from "node:assert/strict";
import { withMcp } from "./gateway.ts";
import type { Workspace } from "./workspace.ts";

// Calls that are made, and how many of them those say who count: the record, Prometheus, Loki.

/** Of what Prometheus or Loki answers to a question about one moment. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Calls of one client, one after the other; what comes of them is in the record. */
export const makeCalls = (
  gateway: string,
  key: string | undefined,
  times: number,
  name: string,
  args: Record<string, unknown>,
): Promise<void> =>
  withMcp(gateway, key, async (mcp) => {
    for (let each = 0; each < times; each += 1) await mcp.callTool({ name, arguments: args });
  });

/** How many calls, by what they are told apart by. */
export type Counts = Record<string, number>;
type Labels = readonly (string | null | undefined)[];

function countsOf(counted: readonly { readonly labels: Labels; readonly count: number }[]): Counts {
  const counts: Counts = {};
  for (const { labels, count } of counted) {
    const key = labels.map((label) => label ?? "").join(" ");
    counts[key] = (counts[key] ?? 0) + count;
  }
  return counts;
}

/** What `npm run audit -- --json` says of calls that are alike. */
export interface Recorded {
  readonly client: string | null;
  readonly server: string | null;
  readonly tool: string | null;
  readonly outcome: string | null;
  readonly count: number;
}

/** @param labelsOf What tells one call from another. */
export async function countsOfRecord(workspace: Workspace, labelsOf: (record: Recorded) => Labels): Promise<Counts> {
  const audit = ["run", "--silent", "audit", "--", "--stack", workspace.stack, "--json"];
  const { exitCode, output } = await workspace.run("npm", audit);
  assert.equal(exitCode, 0, output);
  return countsOf(
    output
      .split("\n")
      .filter((text) => text.startsWith("{"))
      .map((text) => JSON.parse(text) as Recorded)
      .map((record) => ({ labels: labelsOf(record), count: record.count })),
  );
}

/** @param names Labels that tell one call from another. */
export const countsOfSamples = (samples: readonly Sample[], names: readonly string[]): Counts =>
  countsOf(
    samples.map(({ metric, value }) => ({ labels: names.map((name) => metric[name]), count: Number(value[1]) })),
  );
