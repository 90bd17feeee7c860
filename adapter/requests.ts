import type { Lost } from "./link.ts";
import { isJson, type Json, notification, type Outcome, outcomeOf } from "./messages.ts";

/** Why a request has no answer of the server; `text` is for whoever asked. */
export class Failed extends Error {
  readonly reason: "busy" | "cancelled" | "late" | "unread" | Lost;

  constructor(reason: Failed["reason"], text: string) {
    super(text);
    this.reason = reason;
  }
}

export interface Ask {
  readonly method: string;
  readonly params?: Json | undefined;
  readonly seconds: number;
  /** Told what the server says about its progress, without the token. */
  readonly onProgress?: (params: Json) => void;
  /** The adapter's own: it does not wait for those of clients. */
  readonly own?: boolean;
}

export interface Asked {
  /** @throws Failed */
  readonly outcome: Promise<Outcome>;
  readonly cancel: (reason?: string) => void;
}

export interface RequestLimits {
  /** Requests of clients that the server has at once. */
  readonly atOnce: number;
  /** Requests that wait for one of these to end. */
  readonly waiting: number;
}

interface Pending extends Ask {
  readonly id: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (failed: Failed) => void;
}

/** In an answer that was not read, the id is among the first or the last things of its line, as every SDK writes it. */
const ID_AT_AN_EDGE = /^\{"jsonrpc":\s?"2\.0",\s?"id":\s?(\d+)[,}]|"id":\s?(\d+)(?:,\s?"jsonrpc":\s?"2\.0")?\s*\}\s*$/;

/**
 * The requests to one server. Each has an id of its own, over all sessions and all lives of the server, and its answer can go
 * nowhere but to whoever holds its promise.
 */
export class Requests {
  readonly #limits: RequestLimits;
  readonly #server: string;
  readonly #send: (message: object) => boolean;
  readonly #sent = new Map<number, Pending>();
  readonly #queue = new Set<Pending>();
  #lastId = 0;
  #running = 0;

  constructor(server: string, limits: RequestLimits, send: (message: object) => boolean) {
    this.#server = server;
    this.#limits = limits;
    this.#send = send;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** The requests of clients that the server has now. */
  get ids(): number[] {
    return [...this.#sent.values()].filter(({ own }) => !own).map(({ id }) => id);
  }

  has(id: number): boolean {
    return this.#sent.has(id);
  }

  ask(ask: Ask): Asked {
    const id = ++this.#lastId;
    let pending!: Pending;
    const outcome = new Promise<Outcome>((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(pending, this.#late(ask)), ask.seconds * 1_000);
      pending = { ...ask, id, timer, resolve, reject };
    });
    if (ask.own || this.#running < this.#limits.atOnce) this.#begin(pending);
    else if (this.#queue.size < this.#limits.waiting) this.#queue.add(pending);
    else {
      const { atOnce, waiting } = this.#limits;
      this.#settle(
        pending,
        new Failed(
          "busy",
          `the MCP server ${this.#server} is busy: ${atOnce} requests run and ${waiting} wait; ask again later`,
        ),
      );
    }
    return {
      outcome,
      cancel: (reason) => this.#giveUp(pending, new Failed("cancelled", "the request was cancelled"), reason),
    };
  }

  /** An answer of the server. @returns false when nobody ever asked. */
  answer(message: Json): boolean {
    const pending = this.#sent.get(message.id as number);
    if (pending) this.#settle(pending, outcomeOf(message));
    // One that is late answers nobody, but it was asked for.
    const id = Number.isSafeInteger(message.id) ? (message.id as number) : 0;
    return pending !== undefined || (id > 0 && id <= this.#lastId);
  }

  progress({ progressToken, ...params }: Json): void {
    this.#sent.get(progressToken as number)?.onProgress?.(params);
  }

  /** A message that could not be read: if it was an answer, whoever waits for it is told. */
  unreadable(why: string, edges: string): void {
    const [, atHead, atTail] = ID_AT_AN_EDGE.exec(edges) ?? [];
    const pending = this.#sent.get(Number(atHead ?? atTail));
    if (!pending) return;
    this.#settle(
      pending,
      new Failed("too_large", `the MCP server ${this.#server} answered, but its answer was thrown away: ${why}`),
    );
  }

  /** A request that gets no answer, while others may; `what` the server did. */
  lost(id: number, reason: Lost, what: string): void {
    const pending = this.#sent.get(id);
    if (pending) this.#settle(pending, new Failed(reason, `the MCP server ${this.#server} ${what}`));
  }

  /** The server is gone: what it had may be done or not, what waited was never sent. */
  end(reason: string, away: () => Failed): void {
    for (const pending of [...this.#queue]) this.#settle(pending, away());
    for (const pending of [...this.#sent.values()])
      this.#settle(
        pending,
        new Failed(
          "died",
          `the MCP server ${this.#server} went away during this request (${reason}); whether it did what was asked is unknown`,
        ),
      );
  }

  #begin(pending: Pending): void {
    const { id, method, params, onProgress } = pending;
    this.#sent.set(id, pending);
    if (!pending.own) this.#running += 1;
    const meta = isJson(params?._meta) ? params._meta : {};
    const asked = onProgress ? { ...params, _meta: { ...meta, progressToken: id } } : params;
    if (this.#send({ jsonrpc: "2.0", id, method, ...(asked && { params: asked }) })) return;
    this.#settle(pending, new Failed("unread", `the MCP server ${this.#server} does not read what it is sent`));
  }

  #settle(pending: Pending, end: Outcome | Failed): void {
    clearTimeout(pending.timer);
    this.#queue.delete(pending);
    if (this.#sent.delete(pending.id) && !pending.own) this.#running -= 1;
    if (end instanceof Failed) pending.reject(end);
    else pending.resolve(end);
    for (const next of this.#queue) {
      if (this.#running >= this.#limits.atOnce) break;
      this.#queue.delete(next);
      this.#begin(next);
    }
  }

  #giveUp(pending: Pending, failed: Failed, reason = failed.message): void {
    // `initialize` must not be cancelled, says the specification.
    if (this.#sent.has(pending.id) && pending.method !== "initialize")
      this.#send(notification("notifications/cancelled", { requestId: pending.id, reason }));
    this.#settle(pending, failed);
  }

  #late({ method, seconds }: Ask): Failed {
    const what = method === "tools/call" ? "the call" : method;
    return new Failed(
      "late",
      `the MCP server ${this.#server} did not answer ${what} within ${seconds} s; whether it did what was asked is unknown`,
    );
  }
}
