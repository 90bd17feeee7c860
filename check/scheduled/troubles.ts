/** What a run can find wrong beside servers; no server can have these names. */
export const GATEWAY = "the gateway";
export const FORBIDDEN = "what must fail";
export const DISK = "the disk";
export const BACKUP = "the backup";
/** Found by nobody who looks: it has said nothing for long. */
export const MONITORING = "the monitoring";

/** What a run of the scheduled check found. */
export interface Run {
  /** When it began, ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  /** What it can say something of: `GATEWAY`, `FORBIDDEN`, `DISK`, `BACKUP`, names of servers. */
  readonly tried: readonly string[];
  /** What is wrong, by what it is wrong with. */
  readonly problems: Readonly<Record<string, string>>;
}

/** Something that is wrong. */
export interface Wrong {
  /** What it is wrong with; of what Prometheus says, as `prometheus.ts` has it. */
  readonly of: string;
  /** When it was found first, ISO 8601. */
  readonly since: string;
  readonly problem: string;
}

/** What a run has found, until another finds it right. */
export interface Trouble extends Wrong {
  /** A second run has found it as well. One alone may have come in the middle of an `up`, or of a restart. */
  readonly isSure: boolean;
}

/** What is told: that something is wrong, or is over. */
export interface Change extends Wrong {
  /** ISO 8601; null: it goes on. */
  readonly until: string | null;
  /** It is over because nobody looks at it any more, whether it is right or not: an `up` has taken the server away. */
  readonly isGone: boolean;
}

/**
 * What is known after a run; what it did not try is as it was.
 *
 * @param lookedAt What whole runs try. A trouble of something else, which the container before has left, has no other end.
 */
export function afterRun(
  before: readonly Trouble[],
  { at, tried, problems }: Run,
  lookedAt: readonly string[],
): { readonly troubles: readonly Trouble[]; readonly gone: readonly string[] } {
  const known = new Map(before.map((trouble) => [trouble.of, trouble]));
  const gone = before.map(({ of }) => of).filter((of) => !lookedAt.includes(of));
  for (const of of gone) known.delete(of);
  for (const of of tried) {
    const was = known.get(of);
    const problem = Object.hasOwn(problems, of) ? problems[of] : undefined;
    if (problem === undefined) known.delete(of);
    else known.set(of, { of, since: was?.since ?? at, problem, isSure: was !== undefined });
  }
  return { troubles: [...known.values()], gone };
}

/** What is told of something that has no end yet. */
export const goesOn = ({ of, since, problem }: Wrong): Change => ({
  ...{ of, since, problem, until: null, isGone: false },
});
