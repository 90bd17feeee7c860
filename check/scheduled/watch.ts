import { type AlertPost, alertOf, greetingOf, type Where } from "./alerts.ts";
import type { State } from "./state.ts";
import { afterRun, BACKUP, type Change, DISK, GATEWAY, goesOn, type Run, type Trouble } from "./troubles.ts";

/** How long a trouble waits for its second run, and one that is sure for its next. */
const AGAIN_MS = { unsure: 30_000, sure: 60_000 };
/** Most of what is kept for an address that does not answer. */
const MOST_UNTOLD = 100;

export interface WatchOptions {
  readonly minutes: number;
  /** What a run of everything tries. */
  readonly lookedAt: readonly string[];
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
  /** Whether this program has found everything right once: the `up` that started it waits for that. */
  #wasWell = false;

  constructor(options: WatchOptions, state: State) {
    this.#options = options;
    // What one run alone has found begins anew: the first of this program may follow it at once, in the middle of the same `up`.
    this.state = { ...state, troubles: state.troubles.filter(({ isSure }) => isSure) };
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

  /** One run, and whoever has to be told is told. @returns The run, and in how many ms the next one is. */
  async step(): Promise<{ readonly run: Run; readonly pauseMs: number }> {
    const { now, minutes, lookedAt } = this.#options;
    const isWhole = now() >= this.#wholeAt;
    const run = await this.#options.run(this.state.troubles, isWhole);
    const { troubles, changes } = afterRun(this.state.troubles, run, lookedAt);
    if (isWhole) this.#wholeAt = now() + minutes * 60_000;
    // What was not tried while it was away.
    else if (isAway(this.state.troubles) && !isAway(troubles)) this.#wholeAt = now();
    this.state = {
      ...this.state,
      ...(isWhole && { last: run }),
      troubles,
      untold: this.#options.alertsTo === undefined ? [] : [...this.state.untold, ...changes].slice(-MOST_UNTOLD),
      next: new Date(this.#wholeAt).toISOString(),
    };
    await this.#tell();
    this.#wasWell ||= this.isWell;
    return { run, pauseMs: Math.max(0, this.#nextAt() - now()) };
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
    const { troubles, untold } = this.state;
    return troubles.filter(({ of, isSure }) => isSure && !untold.some((change) => change.of === of)).map(goesOn);
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
