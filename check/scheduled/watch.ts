import { type AlertPost, alertOf, greetingOf, type Where } from "./alerts.ts";
import { afterHearing, afterSilence, type Said, silentAt, tooLongAt, WATCHDOG } from "./prometheus.ts";
import type { State } from "./state.ts";
import { afterwards, endsAt } from "./stories.ts";
import {
  afterRun,
  BACKUP,
  type Change,
  DISK,
  GATEWAY,
  goesOn,
  MONITORING,
  type Run,
  type Trouble,
} from "./troubles.ts";

/** How long a trouble waits for its second run, and one that is sure for its next. */
const AGAIN_MS = { unsure: 30_000, sure: 60_000 };
/** Most of what is kept for an address that does not answer. */
const MOST_UNTOLD = 100;

export interface WatchOptions {
  readonly minutes: number;
  /** What a run of everything tries. */
  readonly lookedAt: readonly string[];
  /** Servers of which Prometheus may say something; undefined: it says nothing here. */
  readonly heardOf: readonly string[] | undefined;
  readonly where: Where;
  /** What tells one address from another; undefined: nobody is told. */
  readonly alertsTo: string | undefined;
  /** @param isWhole Whether everything is looked at, and not what was wrong before alone. */
  readonly run: (known: readonly Trouble[], isWhole: boolean) => Promise<Run>;
  /** @returns Why it could not be delivered. */
  readonly post: (body: AlertPost) => Promise<string | undefined>;
  readonly now: () => number;
}

/** Looks at the gateway as often as it is asked to, and more often at what is wrong with it. */
export class Watch {
  state: State;
  readonly #options: WatchOptions;
  #wholeAt = 0;
  /** When the next run is, of everything or not. */
  #runAt = 0;
  /** Whether this program has found everything right once: the `up` that started it waits for that. */
  #wasWell = false;
  /** When Prometheus was heard last. Nobody listened before, which is no silence. */
  #heardAt: number;

  constructor(options: WatchOptions, state: State) {
    this.#options = options;
    this.#heardAt = options.now();
    // What one run alone has found begins anew: the first of this program may follow it at once, in the middle of the same `up`.
    this.state = {
      ...state,
      troubles: state.troubles.filter(({ isSure }) => isSure),
      // Nobody listened until now, which is no silence.
      heard: state.heard.map((one) => ({ ...one, at: new Date(options.now()).toISOString() })),
    };
  }

  /**
   * Whether there is nothing that somebody has to look at. What one run alone has found may be over before the next; of a stack
   * that was not well since this program started, it is believed at once.
   */
  get isWell(): boolean {
    const { alertProblem } = this.state;
    // With a disk that is nearly full, or without a backup, the gateway works, and `up` has to be able to make it anew. The
    // container that makes backups says for itself that it is not well.
    const troubles = this.state.troubles.filter(({ of }) => of !== DISK && of !== BACKUP);
    return alertProblem === null && (this.#wasWell ? !troubles.some(({ isSure }) => isSure) : troubles.length === 0);
  }

  /**
   * What was said, a run if it is time for one, and whoever has to be told is told.
   *
   * @param said By Prometheus since the last step.
   * @returns The run, if there was one, and in how many ms the next step is, unless something is said before.
   */
  async step(said: readonly Said[] = []): Promise<{ readonly run: Run | undefined; readonly pauseMs: number }> {
    const { now } = this.#options;
    await this.#hear(said);
    const run = now() >= this.#runAt ? await this.#look() : undefined;
    const { heard, silent, stories } = this.state;
    const listens = this.#options.heardOf !== undefined && silent === null;
    const times = [
      ...[this.#runAt, silentAt(heard) ?? Infinity, endsAt(stories) ?? Infinity],
      ...(listens ? [tooLongAt(this.#heardAt)] : []),
    ];
    return { run, pauseMs: Math.max(0, Math.min(...times) - now()) };
  }

  async #hear(said: readonly Said[]): Promise<void> {
    const { heardOf, now } = this.#options;
    const { heard, gone } = afterHearing(this.state.heard, said, heardOf, now());
    if (said.some(({ of }) => of === WATCHDOG)) this.#heardAt = now();
    const silent = heardOf === undefined ? null : afterSilence(this.state.silent, said, this.#heardAt, now());
    this.state = { ...this.state, heard, silent };
    if (!this.#settle(heardOf === undefined ? [...gone, MONITORING] : gone)) return;
    await this.#tell();
    // Who cannot be told is tried again with the next run.
    if (this.state.alertProblem !== null) this.#runAt = Math.min(this.#runAt, now() + AGAIN_MS.sure);
  }

  async #look(): Promise<Run> {
    const { now, minutes, lookedAt } = this.#options;
    const isWhole = now() >= this.#wholeAt;
    const run = await this.#options.run(this.state.troubles, isWhole);
    const { troubles, gone } = afterRun(this.state.troubles, run, lookedAt);
    if (isWhole) this.#wholeAt = now() + minutes * 60_000;
    // What was not tried while it was away.
    else if (isAway(this.state.troubles) && !isAway(troubles)) this.#wholeAt = now();
    this.state = {
      ...this.state,
      ...(isWhole && { last: run }),
      troubles,
      next: new Date(this.#wholeAt).toISOString(),
    };
    this.#settle(gone);
    await this.#tell();
    this.#wasWell ||= this.isWell;
    this.#runAt = this.#nextAt();
    return run;
  }

  /** What that means for whoever is told. @returns Whether there is something to tell. */
  #settle(gone: readonly string[]): boolean {
    const { now, alertsTo } = this.#options;
    const { troubles, heard, silent } = this.state;
    const all = [...troubles.filter(({ isSure }) => isSure), ...heard, ...(silent ? [silent] : [])];
    const wrong = all.map(({ of, since, problem }) => ({ of, since, problem }));
    const { stories, changes } = afterwards(this.state.stories, wrong, gone, now());
    const untold = alertsTo === undefined ? [] : [...this.state.untold, ...changes].slice(-MOST_UNTOLD);
    this.state = { ...this.state, stories, untold };
    return changes.length > 0;
  }

  async #tell(): Promise<void> {
    const { alertsTo, post, where, now } = this.#options;
    if (alertsTo === undefined) {
      this.state = { ...this.state, alertProblem: null, alertsTo: null };
      return;
    }
    let problem: string | undefined;
    if (this.state.alertsTo !== alertsTo) {
      this.state = { ...this.state, untold: [...this.#toldElsewhere(), ...this.state.untold] };
      problem = await post(greetingOf(new Date(now()).toISOString(), where));
      if (problem === undefined) this.state = { ...this.state, alertsTo };
    }
    if (problem === undefined && this.state.untold.length) {
      problem = await post(alertOf(this.state.untold, where));
      if (problem === undefined) this.state = { ...this.state, untold: [] };
    }
    this.state = { ...this.state, alertProblem: problem ?? null };
  }

  /** What goes on, and a new address has not heard: without it, the first that is told there is its end. */
  #toldElsewhere(): Change[] {
    const { stories, untold } = this.state;
    return stories.flatMap(({ told }) =>
      told && !untold.some((change) => change.of === told.of) ? [goesOn(told)] : [],
    );
  }

  #nextAt(): number {
    const { now } = this.#options;
    const { troubles, alertProblem } = this.state;
    // A run of everything would be its second as well, and waits for it.
    if (troubles.some(({ isSure }) => !isSure)) return now() + AGAIN_MS.unsure;
    return troubles.length || alertProblem !== null ? Math.min(this.#wholeAt, now() + AGAIN_MS.sure) : this.#wholeAt;
  }
}

const isAway = (troubles: readonly Trouble[]) => troubles.some(({ of }) => of === GATEWAY);
