import type { IncomingHttpHeaders } from "node:http";
import { Pool } from "undici";
import { Gate } from "./gate.ts";

/** What LiteLLM answered; `body` must be read to its end or destroyed. */
export interface LiteLlmAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: NodeJS.ReadableStream & {
    destroy(error?: Error): void;
    json(): Promise<unknown>;
    text(): Promise<string>;
    dump(): Promise<void>;
  };
}

export interface LiteLlmRequest {
  readonly method: "GET" | "POST";
  /** One of the few paths that this program itself writes, never a client's. */
  readonly path: string;
  readonly key: string;
  readonly body?: unknown;
  /** Further headers, from the allow-list of the route. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Asking twice does no harm, so the request is repeated when LiteLLM hangs up without an answer. */
  readonly repeatable?: boolean;
  /** Does not wait at the gate: for the requests that have to succeed before it opens. */
  readonly pastGate?: boolean;
}

/** The connection was never made, so LiteLLM has received nothing. */
const NOBODY_THERE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** The connection broke before the answer began. */
const HUNG_UP = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/** LiteLLM broke off; whether it did what was asked is not known. */
export class BrokenOff extends Error {}

/** Whether LiteLLM broke off, before its answer or in the middle of it: then the answer's body has undici's error. */
export const hasBrokenOff = (error: unknown) =>
  error instanceof BrokenOff || (error as NodeJS.ErrnoException).code === "UND_ERR_SOCKET";

/** A tool may take its time; LiteLLM answers when it has ended. */
const LONGEST_ANSWER_MS = 15 * 60_000;
const LARGEST_ANSWER_BYTES = 48 * 2 ** 20;

/** The one way to LiteLLM: its address and nothing else. */
export class LiteLlm {
  readonly gate: Gate;
  readonly #pool: Pool;

  constructor(url: string, warm: () => Promise<void>) {
    this.#pool = new Pool(url, {
      connections: 512,
      connect: { timeout: 3_000 },
      headersTimeout: LONGEST_ANSWER_MS,
      bodyTimeout: LONGEST_ANSWER_MS,
      // Otherwise a tool whose answer never ends would fill this program's memory and end it, for all clients.
      maxResponseSize: LARGEST_ANSWER_BYTES,
      // LiteLLM closes an idle connection too, later (KEEP_ALIVE_SECONDS); none of our requests must be in flight on it just then.
      keepAliveTimeout: 2_000,
      keepAliveMaxTimeout: 2_000,
    });
    this.gate = new Gate({ alive: () => this.#alive(), warm });
  }

  async #alive(): Promise<boolean> {
    try {
      const { statusCode, body } = await this.#pool.request({
        method: "GET",
        path: "/health/liveliness",
        signal: AbortSignal.timeout(2_000),
      });
      await body.dump();
      return statusCode === 200;
    } catch {
      // Whatever the error is, LiteLLM does not answer; the caller tries again.
      return false;
    }
  }

  /**
   * Asks LiteLLM, waiting while it is away.
   *
   * @throws Away, BrokenOff, or the error of `signal`.
   */
  async ask(request: LiteLlmRequest): Promise<LiteLlmAnswer> {
    for (;;) {
      const leave = request.pastGate ? () => {} : await this.gate.enter();
      try {
        const answer = await this.#send(request);
        this.gate.answered();
        answer.body.once("close", leave);
        return answer;
      } catch (error) {
        leave();
        const code = (error as NodeJS.ErrnoException).code ?? "";
        if (request.signal?.aborted || request.pastGate) throw error;
        if (!NOBODY_THERE.has(code) && !HUNG_UP.has(code)) throw error;
        this.gate.away();
        if (HUNG_UP.has(code) && !request.repeatable)
          throw new BrokenOff(`LiteLLM broke off (${code})`, { cause: error });
      }
    }
  }

  async #send({ method, path, key, body, headers, signal }: LiteLlmRequest): Promise<LiteLlmAnswer> {
    const {
      statusCode,
      headers: answered,
      body: stream,
    } = await this.#pool.request({
      method,
      path,
      headers: {
        ...headers,
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      ...(signal && { signal }),
    });
    return { status: statusCode, headers: answered, body: stream };
  }

  async close(): Promise<void> {
    this.gate.stop();
    await this.#pool.destroy();
  }
}
