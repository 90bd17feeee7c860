/** Requests a minute, as a bucket that fills again continuously. */
export class Rate {
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /** Whether one more fits; `atOnce` is how many may come in one moment after a quiet time. */
  take(who: string, perMinute: number, atOnce = perMinute): boolean {
    const now = Date.now();
    const bucket = this.#buckets.get(who) ?? { left: atOnce, at: now };
    const left = Math.min(atOnce, bucket.left + ((now - bucket.at) * perMinute) / 60_000);
    const fits = left >= 1;
    this.#buckets.delete(who);
    this.#buckets.set(who, { left: fits ? left - 1 : left, at: now });
    // A crowd of addresses is not remembered for ever: whoever was quiet for longest is forgotten first.
    if (this.#buckets.size > 10_000) this.#buckets.delete(this.#buckets.keys().next().value!);
    return fits;
  }
}

/** Requests at once, by client. */
export class Parallel {
  readonly #running = new Map<string, number>();

  /** @returns What ends the request, once; undefined: there are `most` already. */
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

/** Bytes of bodies that are in memory at once, over all clients. */
export class BodyRoom {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns What gives the room back, once; undefined: there is not so much left. */
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
