/** Limits requests a minute: a token bucket for each client or address, which refills continuously. */
export class Rate {
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /** Whether one more request is allowed; `atOnce` is how many may come together after a quiet time. */
  take(who: string, perMinute: number, atOnce = perMinute): boolean {
    const now = Date.now();
    const bucket = this.#buckets.get(who) ?? { left: atOnce, at: now };
    const left = Math.min(atOnce, bucket.left + ((now - bucket.at) * perMinute) / 60_000);
    const fits = left >= 1;
    this.#buckets.delete(who);
    this.#buckets.set(who, { left: fits ? left - 1 : left, at: now });
    // Not all addresses are remembered for ever: the one that was quiet for longest is forgotten first.
    if (this.#buckets.size > 10_000) this.#buckets.delete(this.#buckets.keys().next().value!);
    return fits;
  }
}

/** Limits the requests that each client runs at once. */
export class Parallel {
  readonly #running = new Map<string, number>();

  /** @returns A function to call once, when the request has ended; undefined if `most` are running already. */
  begin(who: string, most: number): (() => void) | undefined {
    const running = this.#running.get(who) ?? 0;
    if (running >= most) return undefined;
    this.#running.set(who, running + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = this.#running.get(who)! - 1;
      if (left) this.#running.set(who, left);
      else this.#running.delete(who);
    };
  }
}

/** Limits the bytes of all clients' bodies that are in memory at once. */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns A function to call once, to free the bytes again; undefined if there is not enough room. */
  take(bytes: number): (() => void) | undefined {
    if (this.#taken + bytes > this.#most) return undefined;
    this.#taken += bytes;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken -= bytes;
    };
  }
}
