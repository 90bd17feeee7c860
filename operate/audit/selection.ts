/** What a call came to. `running` and `unknown` are calls without a line that says so. */
export const OUTCOMES = ["answered", "failed", "refused", "lost", "running", "unknown"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Which calls are wanted; what is left out excludes none. */
export interface Selection {
  readonly clients?: readonly string[] | undefined;
  readonly servers?: readonly string[] | undefined;
  /** As the server or as clients know them (`get_current_time`, `time-get_current_time`). */
  readonly tools?: readonly string[] | undefined;
  readonly outcomes?: readonly Outcome[] | undefined;
  /** Refused requests that were no call of a tool as well. */
  readonly requests?: boolean | undefined;
  /** ISO 8601, as lines have it. */
  readonly since?: string | undefined;
  /** Calls before it. */
  readonly until?: string | undefined;
}

/** Whether a call is wanted, whatever came of it. */
export function isWanted(
  { clients, servers, tools, since, until }: Selection,
  call: { readonly time: string; readonly client?: string | undefined; readonly server: string; readonly tool: string },
): boolean {
  const { time, client = "", server, tool } = call;
  if ((since !== undefined && time < since) || (until !== undefined && time >= until)) return false;
  if (clients && !clients.includes(client)) return false;
  if (servers && !servers.includes(server)) return false;
  return !tools || tools.includes(tool) || tools.includes(`${server}-${tool}`);
}

export type FileKind = "calls" | "refused";

/**
 * The longest that a call may take to come to its end: its lines may be so far apart. The ingress waits 15 minutes for
 * the next byte of an answer.
 */
export const LONGEST_CALL_MS = 60 * 60_000;

export const later = (time: string, ms: number) => new Date(Date.parse(time) + ms).toISOString();

const FILE = /^(calls|refused)-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z-[^.]+\.jsonl$/;

/** When a file was begun; undefined for a file that is none of this kind. */
function begun(name: string, wanted: FileKind): string | undefined {
  const [, kind, day, hours, minutes, seconds, ms] = FILE.exec(name) ?? [];
  return kind === wanted ? `${day}T${hours}:${minutes}:${seconds}.${ms}Z` : undefined;
}

const filesOf = (names: readonly string[], kind: FileKind) =>
  names
    .flatMap((name) => {
      const at = begun(name, kind);
      return at === undefined ? [] : [{ name, at }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The files, oldest first, in which calls of that time can be, with what came of them. A file ends where the next begins. */
export function filesFor(names: readonly string[], kind: FileKind, { since, until }: Selection): string[] {
  const files = filesOf(names, kind);
  const last = until === undefined ? undefined : later(until, LONGEST_CALL_MS);
  return files
    .filter(({ at }, index) => {
      const next = files[index + 1]?.at;
      return (since === undefined || next === undefined || next > since) && (last === undefined || at <= last);
    })
    .map(({ name }) => name);
}

/** When the last so many files of calls before `until` were begun; undefined: there are no more than that. */
export function beginOfLast(names: readonly string[], count: number, until: string | undefined): string | undefined {
  const files = filesOf(names, "calls").filter(({ at }) => until === undefined || at < until);
  return files.length > count ? files.at(-count)!.at : undefined;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/**
 * A time as people write it, as lines have it.
 *
 * @param now What times such as `1h` are counted back from.
 * @throws Error that says what to write.
 */
export function readTime(option: string, written: string, now: string): string {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(written) ?? [];
  if (count !== undefined) return later(now, -Number(count) * UNITS[unit as keyof typeof UNITS]);
  const [, day, hour, zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(written) ?? [];
  const isDay = day !== undefined && isoDay(day) === day;
  const read = isDay ? Date.parse(`${day}T${hour ?? "00:00"}${zone}`) : NaN;
  if (Number.isNaN(read))
    throw new Error(
      `${option} ${written}: write how long ago (30m, 1h, 2d, 1w), or a day or time in UTC (2026-11-20, 2026-11-20T14:30, 2026-11-20T14:30+01:00)`,
    );
  return new Date(read).toISOString();
}

/** Another day than what was written where there is no such day. */
function isoDay(day: string): string | undefined {
  const at = Date.parse(`${day}T00:00Z`);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString().slice(0, 10);
}
