import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Heard } from "./prometheus.ts";
import { type Story, storyOf } from "./stories.ts";
import type { Change, Run, Trouble, Wrong } from "./troubles.ts";

/**
 * What is known of the gateway. On a volume: `up` replaces the container in the very moment in which it repairs something, and
 * who was told of a trouble is told of its end.
 */
export interface State {
  /** The last run that tried everything; null before the first. */
  readonly last: Run | null;
  /** When the next one is, ISO 8601. */
  readonly next: string;
  readonly troubles: readonly Trouble[];
  /** What Prometheus says is wrong. */
  readonly heard: readonly Heard[];
  /** That it says nothing; null: it does, or nobody listens. */
  readonly silent: Wrong | null;
  /** What is told of all that. */
  readonly stories: readonly Story[];
  /** What nobody could be told yet. */
  readonly untold: readonly Change[];
  /** Why it could not; null where nothing is in the way. */
  readonly alertProblem: string | null;
  /** The address for alerts that was found to work, as `identityOf` has it. */
  readonly alertsTo: string | null;
}

export const STATE_FILE = "state.json";

const run = z.object({
  at: z.string(),
  seconds: z.number(),
  tried: z.array(z.string()),
  problems: z.record(z.string(), z.string()),
});
const wrong = z.object({ of: z.string(), since: z.string(), problem: z.string() });
const story = z.object({
  subject: z.string(),
  told: wrong.nullable(),
  begins: z.array(z.string()),
  rightSince: z.string().nullable(),
});
const schema: z.ZodType<State> = z
  .object({
    last: run.nullable(),
    next: z.string(),
    troubles: z.array(wrong.extend({ isSure: z.boolean() })),
    heard: z.array(wrong.extend({ at: z.string() })).default([]),
    silent: wrong.nullable().default(null),
    stories: z.array(story).optional(),
    untold: z.array(wrong.extend({ until: z.string().nullable(), isGone: z.boolean().default(false) })),
    alertProblem: z.string().nullable(),
    alertsTo: z.string().nullable(),
  })
  // A program of before has told of each trouble that was sure.
  .transform(({ stories, ...state }) => ({
    ...state,
    stories: stories ?? state.troubles.filter(({ isSure }) => isSure).map(storyOf),
  }));

/** Of a stack that was never checked. */
export const NOTHING_KNOWN: State = {
  ...{
    last: null,
    next: "",
    troubles: [],
    heard: [],
    silent: null,
    stories: [],
    untold: [],
    alertProblem: null,
    alertsTo: null,
  },
};

/** @throws Error when it is no state. */
export const parseState = (text: string): State => schema.parse(JSON.parse(text));

/** @returns `NOTHING_KNOWN` where there is none, or none that can be read, which `complain` is told. */
export function readState(folder: string, complain: (problem: string) => void): State {
  try {
    return parseState(readFileSync(path.join(folder, STATE_FILE), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") complain((error as Error).message);
    return NOTHING_KNOWN;
  }
}

/**
 * Never half of it: the host may lose its power.
 *
 * @returns Why it could not be kept, for instance on a volume that is full; undefined: it is.
 */
export function writeState(folder: string, state: State): string | undefined {
  const file = path.join(folder, STATE_FILE);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(state), { flush: true });
    renameSync(`${file}.new`, file);
    return undefined;
  } catch (error) {
    return `what is known cannot be kept: ${(error as Error).message}`;
  }
}
