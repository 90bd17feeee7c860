import assert from "node:assert/strict";
import type { Workspace } from "../e2e/workspace.ts";
import { type Answer, ask, call, type Question, SERVERS } from "./questions.ts";
import { records } from "./records.ts";
import { counted } from "./seen.ts";

/** Light traffic: each client asks so long after it was answered; sooner where it was not, to see when it is. */
const PAUSE_MS = 1_000;
const AGAIN_MS = 250;

/** The client that asks a server, and no other. */
export const clientOf = (server: string): string => `asks-${server}`;

export interface Made extends Question, Answer {}

export interface Traffic {
  /** Calls that have ended, in that order. */
  readonly made: readonly Made[];
  /** Lets those that are in flight end. */
  stop(): Promise<void>;
}

/** One client for each server, which asks it one question after the other until it is stopped. */
export function asking(base: string, keys: Readonly<Record<string, string>>): Traffic {
  const made: Made[] = [];
  let isOver = false;
  const clients = SERVERS.map(async (server) => {
    for (let at = 0; !isOver; at++) {
      const question = ask(server, at);
      const answer = await call(base, keys[clientOf(server)]!, question);
      made.push({ ...question, ...answer });
      await new Promise((resolve) => setTimeout(resolve, answer.problem === undefined ? PAUSE_MS : AGAIN_MS));
    }
  });
  return {
    made,
    stop: async () => {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

/** How long the clients of these calls waited for an answer at most, from the first of the calls that failed one after the other. */
export function longestWait(made: readonly Made[]): number {
  const since = new Map<string, number>();
  let longest = 0;
  for (const { server, began, ended, problem } of made) {
    const asked = since.get(server) ?? began;
    if (problem === undefined) since.delete(server);
    else since.set(server, asked);
    longest = Math.max(longest, ended - asked);
  }
  return longest;
}

/** What a client was told, without what differs in each answer. */
export const told = ({ problem = "" }: Made): string =>
  problem
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…")
    .replaceAll(/\s+/g, " ")
    .slice(0, 200);

export const isAnswered = ({ problem }: Made): boolean => problem === undefined;

/** What the record says of a call; of one that it has twice, both. */
export type OutcomeOf = (one: Made) => string;

export async function outcomes(workspace: Workspace): Promise<OutcomeOf> {
  const recorded = await records(workspace);
  return ({ id }) => (recorded.get(id) ?? []).map(({ outcome }) => outcome).join(" and ") || "none";
}

/** Nobody was given another's answer, no call is recorded twice, and each that was answered is recorded as that. */
export function assertOwnAnswers(made: readonly Made[], outcomeOf: OutcomeOf): void {
  assert.deepEqual(
    made.filter(({ problem }) => problem?.startsWith("another answer")),
    [],
  );
  const twice = made.filter((one) => outcomeOf(one).includes(" and "));
  assert.deepEqual(twice.slice(0, 5), [], `${twice.length} calls are recorded twice`);
  const otherwise = made.filter((one) => isAnswered(one) && outcomeOf(one) !== "answered");
  assert.deepEqual(otherwise.slice(0, 5), [], `${otherwise.length} calls that were answered are recorded otherwise`);
}

/** How many calls failed, what clients were told of them, and what the record says. */
export function lost(made: readonly Made[], outcomeOf: OutcomeOf): string {
  const failed = made.filter((one) => !isAnswered(one));
  if (!failed.length) return "nothing";
  return `${failed.length} calls (${counted(failed.map(told))}); in the record: ${counted(failed.map(outcomeOf))}`;
}
