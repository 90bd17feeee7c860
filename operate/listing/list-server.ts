import type { Tool } from "../../approval/tool-lock.ts";
import { listAlone, type Alone, type Given, NotUp } from "./ask-alone.ts";
import {
  type Ask,
  givenBy,
  type Granted,
  type Offer,
  offersFor,
  questionFor,
  secretsOf,
  withOffers,
} from "./offers.ts";
import type { StackServer } from "./stack-servers.ts";

export interface ListAlone {
  readonly stack: string;
  /** What the command line grants from the beginning. */
  readonly granted: Granted;
  readonly ask: Ask;
  /** Values of secrets of the stack. */
  readonly secretsOf: (names: readonly string[]) => Promise<Readonly<Record<string, string>>>;
  readonly list?: (server: StackServer, given: Given, alone: Alone) => Promise<readonly Tool[]>;
}

/**
 * What a server lists in a throw-away container. If it does not come up with nothing, somebody is asked what it may be
 * given; without a yes it stays at nothing.
 *
 * @throws NotUp, with the options that would give it more.
 */
export async function listWithOffers(server: StackServer, alone: Alone, options: ListAlone): Promise<readonly Tool[]> {
  const { list = listAlone, ask, stack } = options;
  let granted: ReadonlySet<Offer> = options.granted;
  for (;;) {
    const secrets = granted.has("secrets") ? await options.secretsOf(secretsOf(server)) : undefined;
    try {
      return await list(server, givenBy(granted, secrets), alone);
    } catch (error) {
      if (!(error instanceof NotUp)) throw error;
      const offers = offersFor(server, granted);
      if (!offers.length) throw error;
      const more: Offer[] = [];
      for (const [at, offer] of offers.entries()) {
        const why = at === 0 ? `${error.message}\n` : "";
        if (await ask(`${why}${questionFor(offer, server, stack)}`)) more.push(offer);
      }
      if (!more.length) {
        error.message += `\n  To try it with more: ${withOffers(offers)}`;
        throw error;
      }
      granted = new Set([...granted, ...more]);
    }
  }
}
