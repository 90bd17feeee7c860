import type { AuditRecord } from "./records.ts";
import { later } from "./selection.ts";

/** Calls of some time. */
export interface Figures {
  readonly calls: number;
  /** Those that failed, were lost, or of which nobody knows. */
  readonly errors: number;
  /** Calls that were refused; they are none of `calls`. */
  readonly refused: number;
  /** Milliseconds; null where nothing came to its end. */
  readonly p50: number | null;
  readonly p95: number | null;
}

export interface Recent {
  readonly hour: Figures;
  readonly day: Figures;
}

/** Of every server and client that called or was called. */
export interface RecentCalls {
  readonly servers: ReadonlyMap<string, Recent>;
  readonly clients: ReadonlyMap<string, Recent>;
}

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

class Counted {
  #calls = 0;
  #errors = 0;
  #refused = 0;
  readonly #milliseconds: number[] = [];

  add({ outcome, milliseconds, count }: AuditRecord): void {
    if (outcome === "refused") {
      this.#refused += count;
      return;
    }
    this.#calls += 1;
    if (outcome !== "answered" && outcome !== "running") this.#errors += 1;
    if (milliseconds !== null) this.#milliseconds.push(milliseconds);
  }

  get figures(): Figures {
    const sorted = Float64Array.from(this.#milliseconds).sort();
    return {
      ...{ calls: this.#calls, errors: this.#errors, refused: this.#refused },
      ...{ p50: percentile(sorted, 50), p95: percentile(sorted, 95) },
    };
  }
}

/** The smallest value that is not below so many percent of all. */
export const percentile = (sorted: ArrayLike<number>, percent: number): number | null =>
  sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? null;

/** Nobody has called. */
export const NO_CALLS: Recent = { hour: new Counted().figures, day: new Counted().figures };

/** @param records Of the day before `now`. */
export async function recentCalls(records: AsyncIterable<AuditRecord>, now: string): Promise<RecentCalls> {
  const counted = { servers: new Map<string, [Counted, Counted]>(), clients: new Map<string, [Counted, Counted]>() };
  const lastHour = later(now, -HOUR_MS);
  for await (const record of records)
    for (const [of, name] of [
      [counted.servers, record.server],
      [counted.clients, record.client],
    ] as const) {
      if (name === null) continue;
      if (!of.has(name)) of.set(name, [new Counted(), new Counted()]);
      const [hour, day] = of.get(name)!;
      day.add(record);
      if (record.time >= lastHour) hour.add(record);
    }
  const figures = (of: ReadonlyMap<string, [Counted, Counted]>) =>
    new Map([...of].map(([name, [hour, day]]) => [name, { hour: hour.figures, day: day.figures }]));
  return { servers: figures(counted.servers), clients: figures(counted.clients) };
}
