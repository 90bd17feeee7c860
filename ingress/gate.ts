import { log } from "./log.ts";

/** LiteLLM did not come back in time; the request was never sent. */
export class Away extends Error {}

export interface GateOptions {
  /** Whether LiteLLM answers now. */
  readonly alive: () => Promise<boolean>;
  /** Called when LiteLLM is back, before the first waiting request is let through. */
  readonly warm: () => Promise<void>;
  readonly probeMs?: number;
  /** Longest time that a request is held. */
  readonly heldMs?: number;
  /** Longest time that running requests may take to end before a restart. */
  readonly drainMs?: number;
  /** A moment is quiet when no request runs and none has ended for this long. */
  readonly quietMs?: number;
  /** A restart whose end nobody reports counts as over when LiteLLM answers and this much time has passed. */
  readonly unreportedMs?: number;
}

/** JSON has no number for "never". */
const LONGEST_QUIET_SECONDS = 3_600;

type Reason = "restart" | "away";

interface Closed {
  readonly reason: Reason;
  readonly since: number;
  /** Resolves when the gate opens. */
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/**
 * Every request to LiteLLM passes here. While LiteLLM is restarted, replaced or away the gate is closed: requests
 * wait, and go on when LiteLLM answers again, so that a restart is a pause and not a failure.
 */
export class Gate {
  readonly #options: Required<GateOptions>;
  #running = 0;
  #lastEnd = -Infinity;
  #waiting = 0;
  #closed: Closed | undefined;
  #drained: (() => void)[] = [];
  #stopped = false;
  /** For the metrics. */
  readonly counts = { held: 0, closings: 0, losses: 0 };
  /** Whether LiteLLM has answered this program: before, it may not have come so far. */
  #hasAnswered = false;

  constructor(options: GateOptions) {
    this.#options = {
      probeMs: 300,
      heldMs: 120_000,
      drainMs: 30_000,
      quietMs: 20_000,
      unreportedMs: 60_000,
      ...options,
    };
  }

  get running() {
    return this.#running;
  }
  get waiting() {
    return this.#waiting;
  }
  /** Whether LiteLLM answers now: one that hangs takes connections, so that no request finds it away. */
  answers(): Promise<boolean> {
    return this.#options.alive();
  }
  /** How long nothing has run; 0 while something runs. */
  get quietSeconds(): number {
    return this.#running ? 0 : Math.min(Math.floor((Date.now() - this.#lastEnd) / 1000), LONGEST_QUIET_SECONDS);
  }
  get state(): "ok" | "restarting" | "away" {
    return !this.#closed ? "ok" : this.#closed.reason === "restart" ? "restarting" : "away";
  }

  /**
   * Waits until LiteLLM may be asked.
   *
   * @returns What has to be called when the request has ended, once.
   * @throws Away
   */
  async enter(): Promise<() => void> {
    const deadline = Date.now() + this.#options.heldMs;
    if (this.#closed) this.counts.held += 1;
    while (this.#closed) {
      this.#waiting += 1;
      try {
        await within(this.#closed.opened, deadline - Date.now());
      } finally {
        this.#waiting -= 1;
      }
    }
    this.#running += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#running -= 1;
      this.#lastEnd = Date.now();
      if (this.#running === 0) for (const done of this.#drained.splice(0)) done();
    };
  }

  /**
   * Closes the gate for a restart and waits for running requests to end, but only for a limited time.
   *
   * @param force Closes even if this is not a quiet moment.
   * @returns The number of requests still running; undefined if the gate was not closed, because this is not a quiet
   *   moment.
   */
  async hold(force: boolean): Promise<number | undefined> {
    const quiet = this.#running === 0 && Date.now() - this.#lastEnd >= this.#options.quietMs;
    if (!force && !quiet) return undefined;
    this.#close("restart");
    if (this.#running > 0)
      await within(new Promise<void>((resolve) => this.#drained.push(resolve)), this.#options.drainMs).catch(() => {});
    return this.#running;
  }

  /** LiteLLM answers again, says who started it; where nobody had asked anything meanwhile, the gate is open still. */
  async release(): Promise<void> {
    if (this.#closed) await this.#reopen(this.#closed);
    else await this.#warm();
  }

  /** Called when a request got an answer. */
  answered(): void {
    this.#hasAnswered = true;
  }

  /** Called when a request could not connect to LiteLLM. */
  away(): void {
    if (!this.#closed) this.#close("away");
  }

  /** Stops probing LiteLLM, so that the program can end. */
  stop(): void {
    this.#stopped = true;
  }

  #close(reason: Reason): void {
    // A restart that was announced stays one, even when requests find that LiteLLM is away.
    if (this.#closed?.reason === "restart" || (this.#closed && reason === "away")) return;
    const before = this.#closed;
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    if (before) void opened.then(before.open);
    else {
      this.counts.closings += 1;
      // A restart is announced, whoever wants it: an `up`, Docker, or LiteLLM's launcher for its memory.
      if (reason === "away" && this.#hasAnswered) this.counts.losses += 1;
    }
    const closed = { reason, since: Date.now(), opened, open };
    this.#closed = closed;
    log("held", { reason, running: this.#running });
    void this.#probe(closed);
  }

  async #probe(closed: Closed): Promise<void> {
    const { alive, probeMs, unreportedMs } = this.#options;
    while (this.#closed === closed && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, probeMs));
      const isOver = closed.reason === "away" || Date.now() - closed.since > unreportedMs;
      if (isOver && this.#closed === closed && (await alive())) await this.#reopen(closed);
    }
  }

  #warm(): Promise<void> {
    return this.#options.warm().catch((error: Error) => log("not warmed", { error: error.message }));
  }

  async #reopen(closed: Closed): Promise<void> {
    await this.#warm();
    if (this.#closed !== closed) return;
    this.#closed = undefined;
    log("released", { reason: closed.reason, milliseconds: Date.now() - closed.since, waiting: this.#waiting });
    closed.open();
  }
}

async function within(promise: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Away("LiteLLM is not back in time")), Math.max(milliseconds, 0));
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
