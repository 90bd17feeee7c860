import { maskSensitive, maskText, type Sensitive } from "../../lib/sensitive.ts";
import type { AuditFiles } from "./files.ts";
import { type AuditLine, readLine } from "./lines.ts";
import { filesFor, isWanted, later, LONGEST_CALL_MS, type Outcome, type Selection } from "./selection.ts";

/** One call of a tool with what came of it, or requests that were refused within a minute and only counted. */
export interface AuditRecord {
  readonly time: string;
  /** Null: its key was not known. */
  readonly client: string | null;
  readonly address: string | null;
  /** Null: there is none of that name, or what was counted was no call. */
  readonly server: string | null;
  readonly tool: string | null;
  readonly arguments: unknown;
  readonly route: string | null;
  readonly outcome: Outcome;
  /** Of what failed or was refused. */
  readonly reason: string | null;
  readonly milliseconds: number | null;
  /** Only with `gateway.auditResults`. */
  readonly result?: unknown;
  /** 1, but of requests that were only counted. */
  readonly count: number;
  readonly id: string | null;
}

type Line<Kind extends AuditLine["audit"]> = Extract<AuditLine, { audit: Kind }>;

export interface Reading {
  readonly files: AuditFiles;
  readonly selection: Selection;
  /** What is masked now; older lines may have been written before it was. */
  readonly masked: readonly Sensitive[];
  /** Lines that nobody can read, because something ended while they were written. */
  unreadable: number;
}

/** What is wanted of the record, in the order in which the calls were made. Holds no more than a few at a time. */
export async function* recordsOf(reading: Reading): AsyncGenerator<AuditRecord> {
  const { outcomes } = reading.selection;
  const called = outcomes?.every((outcome) => outcome === "refused") ? nothing() : callsOf(reading);
  const refused = outcomes && !outcomes.includes("refused") ? nothing() : refusalsOf(reading);
  for await (const record of byTime(called, refused))
    if (!outcomes || outcomes.includes(record.outcome)) yield masked(record, reading.masked);
}

async function* nothing(): AsyncGenerator<never> {}

async function* linesOf(reading: Reading, kind: "calls" | "refused"): AsyncGenerator<AuditLine> {
  const { files, selection } = reading;
  const names = filesFor(files.names, kind, selection);
  if (!names.length) return;
  for await (const text of files.read(names)) {
    if (!text) continue;
    const line = readLine(text);
    if (line) yield line;
    else reading.unreadable += 1;
  }
}

interface Waiting {
  readonly call: Line<"call">;
  outcome?: Line<"outcome">;
}

async function* callsOf(reading: Reading): AsyncGenerator<AuditRecord> {
  const { runningSince } = reading.files;
  // Begun and not given out yet, oldest first: whoever called later may be answered earlier.
  let waiting: Waiting[] = [];
  let given = 0;
  const open = new Map<string, Waiting>();
  for await (const line of linesOf(reading, "calls")) {
    if (line.audit === "call" && isWanted(reading.selection, line)) {
      const begun = { call: line };
      waiting.push(begun);
      open.set(line.id, begun);
    } else if (line.audit === "outcome" && open.has(line.id)) {
      open.get(line.id)!.outcome = line;
      open.delete(line.id);
    }
    const over = later(line.time, -LONGEST_CALL_MS);
    for (let next = waiting[given]; next && (next.outcome || next.call.time < over); next = waiting[given]) {
      yield ofCall(next, "unknown");
      open.delete(next.call.id);
      given += 1;
    }
    if (given > 1_000) {
      waiting = waiting.slice(given);
      given = 0;
    }
  }
  for (const rest of waiting.slice(given))
    yield ofCall(rest, runningSince !== undefined && rest.call.time >= runningSince ? "running" : "unknown");
}

function ofCall({ call, outcome: ended }: Waiting, without: "running" | "unknown"): AuditRecord {
  const { time, client, address, server, tool, route, id } = call;
  return {
    ...{ time, client, address, server, tool, arguments: call.arguments, route },
    ...{ outcome: ended?.outcome ?? without, reason: ended?.reason ?? null, milliseconds: ended?.milliseconds ?? null },
    ...(ended?.result !== undefined && { result: ended.result }),
    ...{ count: 1, id },
  };
}

/** The reason that the ingress writes where it has only counted calls, as a client made too many that are refused. */
const COUNTED_CALLS = "tool call";

async function* refusalsOf(reading: Reading): AsyncGenerator<AuditRecord> {
  for await (const line of linesOf(reading, "refused")) {
    if (line.audit !== "refused" && line.audit !== "refusals") continue;
    if (line.audit === "refusals" && line.reason !== COUNTED_CALLS && !reading.selection.requests) continue;
    const call = line.audit === "refused" ? line : { ...line, server: "", tool: "" };
    if (!isWanted(reading.selection, call)) continue;
    yield {
      ...{ time: line.time, client: line.client ?? null, address: line.address ?? null },
      ...{ server: call.server || null, tool: call.tool || null },
      arguments: line.audit === "refused" ? line.arguments : null,
      ...{ route: line.audit === "refused" ? line.route : null, outcome: "refused", reason: line.reason },
      ...{ milliseconds: null, count: line.audit === "refused" ? 1 : line.count },
      id: line.audit === "refused" ? line.id : null,
    };
  }
}

/** Both in one, each in the order that it has. */
async function* byTime(a: AsyncGenerator<AuditRecord>, b: AsyncGenerator<AuditRecord>): AsyncGenerator<AuditRecord> {
  try {
    let [first, second] = await Promise.all([a.next(), b.next()]);
    while (!first.done || !second.done) {
      if (second.done || (!first.done && first.value.time <= second.value.time)) {
        yield first.value as AuditRecord;
        first = await a.next();
      } else {
        yield second.value;
        second = await b.next();
      }
    }
  } finally {
    // Whoever has read enough leaves no connection behind.
    await Promise.all([a.return(undefined), b.return(undefined)]);
  }
}

function masked(record: AuditRecord, kinds: readonly Sensitive[]): AuditRecord {
  if (!kinds.length) return record;
  return {
    ...record,
    arguments: maskSensitive(record.arguments, kinds),
    reason: record.reason && maskText(record.reason, kinds),
    ...(record.result !== undefined && { result: maskSensitive(record.result, kinds) }),
  };
}

/** The last so many. */
export async function lastOf(records: AsyncIterable<AuditRecord>, count: number): Promise<AuditRecord[]> {
  let kept: AuditRecord[] = [];
  for await (const record of records) {
    kept.push(record);
    if (kept.length >= 2 * count) kept = kept.slice(-count);
  }
  return kept.slice(-count);
}
