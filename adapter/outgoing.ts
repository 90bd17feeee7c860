import { Agent, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { AddressRefused, lookupWithin, type Reach, refusedHost } from "../lib/addresses.ts";
import { isHeaderText } from "./url-headers.ts";

export interface OutgoingOptions {
  readonly url: URL;
  /** What the server wants to see besides what the protocol says; no other origin gets it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly reach: Reach;
  readonly connectMs?: number;
}

export interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Nobody answered; what was to be sent was not, or, if `wasSent`, may have been. */
export class Unanswered extends Error {
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean) {
    super(message);
    this.wasSent = wasSent;
  }
}

const HEADER_BYTES = 32 * 1_024;

/**
 * Requests to one server, without redirects, proxies, compression or cookies. Each has a connection of its own: on one that is kept, a
 * request may cross with its end, and nobody knows then whether it was read.
 */
export class Outgoing {
  readonly #options: Required<OutgoingOptions>;
  readonly #request: typeof httpRequest;
  readonly #agent: Agent;

  constructor(options: OutgoingOptions) {
    this.#options = { connectMs: 10_000, ...options };
    // TLS is memory that most adapters have no use for.
    const https = options.url.protocol === "https:" ? process.getBuiltinModule("node:https") : undefined;
    this.#request = https?.request ?? httpRequest;
    this.#agent = https ? new https.Agent() : new Agent();
  }

  /** @throws Unanswered */
  async send(url: URL, { method, headers, body, signal }: Sent): Promise<IncomingMessage> {
    const { url: own, headers: ownHeaders, reach, connectMs } = this.#options;
    if (url.origin !== own.origin) throw new Unanswered("it is another server", false);
    const refused = refusedHost(url, reach);
    if (refused !== undefined) throw new Unanswered(leadsTo(refused), false);
    const options: RequestOptions = {
      method,
      headers: {
        ...headers,
        ...ownHeaders,
        "accept-encoding": "identity",
        ...(body !== undefined && { "content-length": Buffer.byteLength(body) }),
      },
      agent: this.#agent,
      lookup: lookupWithin(reach),
      maxHeaderSize: HEADER_BYTES,
      ...(signal && { signal }),
    };
    return new Promise((resolve, reject) => {
      let isConnected = false;
      const request = this.#request(url, options, resolve);
      const late = setTimeout(() => request.destroy(new Error(`no connection within ${connectMs} ms`)), connectMs);
      const connected = () => {
        isConnected = true;
        clearTimeout(late);
      };
      request.once("socket", (socket) =>
        socket.once(own.protocol === "https:" ? "secureConnect" : "connect", connected),
      );
      request.once("close", () => {
        clearTimeout(late);
        reject(new Unanswered("the connection ended", isConnected));
      });
      request.on("error", (error) => reject(new Unanswered(reasonOf(error), isConnected)));
      request.end(body);
    });
  }
}

const leadsTo = (what: string) => `it leads to ${what}, which is refused`;

/** What Node says of it without an address or a name: `/health` shows it to whoever asks. */
export function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (error instanceof AddressRefused) return leadsTo(error.message);
  return typeof error.code === "string" && isHeaderText(error.code) ? error.code : error.message.slice(0, 100);
}
