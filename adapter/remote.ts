import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Reach } from "../lib/addresses.ts";
import { kindOf, type Limits, readAllEvents, readBody, readEvents, TooLarge } from "./answers.ts";
import { type Link, type LinkEvents, type Lost, UNREAD_BYTES } from "./link.ts";
import { isJson, type Json, METHOD_NOT_FOUND } from "./messages.ts";
import { Outgoing, reasonOf, type Sent, Unanswered } from "./outgoing.ts";
import { readMessage } from "./read-message.ts";
import { errorIn, isFine, noStream, redirects } from "./refusals.ts";
import { Room } from "./room.ts";

export interface RemoteOptions {
  readonly url: URL;
  readonly transport: "sse" | "http";
  readonly headers: Readonly<Record<string, string>>;
  readonly reach: Reach;
  /** Longest message that the server may send. */
  readonly answerBytes: number;
  /** How often the tools of a server that announces no changes are listed. */
  readonly relistMs?: number;
  /** After how long a stream on which the server said what it had to say is opened again. */
  readonly listenAgainMs?: number;
  /** How long the end of a session may take. */
  readonly graceMs?: number;
}

interface Asked {
  readonly id: number;
  readonly method: string;
}

/** Requests of the adapter itself: a server that fails at these is of no use to anybody. */
const OWN = new Set(["initialize", "ping", "tools/list"]);
/** What waits for a server that takes no messages, counted in these. */
const MOST_UNSENT = 1_000;
/** For a message that wants no answer. */
const NOTICE_MS = 30_000;
const CANCEL_MS = 2_000;
/** A stream that goes on after the answer that it was opened for says nothing that anybody waits for. */
const AFTER_ANSWER_MS = 1_000;
const ENDPOINT_BYTES = 8 * 1_024;
/** Answers of the largest size that may be arriving at the same time; usual ones are so small that this is thousands. */
const LARGEST_AT_ONCE = 4;
const UNKNOWN = "whether it did what was asked is unknown";

/**
 * A server that runs elsewhere. The transports of the official SDK speak the protocol: sessions, endpoints, headers. What arrives goes past
 * them: it is counted and parsed here as that of a child is, and each request is known to have an answer or none.
 */
export class Remote implements Link {
  readonly #options: Required<RemoteOptions>;
  readonly #events: LinkEvents;
  readonly #outgoing: Outgoing;
  readonly #transport: SSEClientTransport | StreamableHTTPClientTransport;
  readonly #limits: Limits;
  readonly #posts = new Map<object, AbortController>();
  readonly #relist: NodeJS.Timeout | undefined;
  #ready: Promise<unknown>;
  #unsent = 0;
  #unsentBytes = 0;
  #hasSession = false;
  #isListening = false;
  #streams = 0;
  #isOver = false;

  constructor(options: RemoteOptions, events: LinkEvents) {
    this.#options = { relistMs: 60_000, listenAgainMs: 5_000, graceMs: 2_000, ...options };
    this.#events = events;
    this.#outgoing = new Outgoing(options);
    this.#limits = { most: options.answerBytes, room: new Room(LARGEST_AT_ONCE * options.answerBytes) };
    const { transport, url } = options;
    const { relistMs, listenAgainMs } = this.#options;
    const fetch = (to: string | URL, init: RequestInit = {}) => this.#fetch(new URL(to), init);
    if (transport === "sse") this.#transport = new SSEClientTransport(url, { fetch });
    else {
      const reconnectionOptions = {
        initialReconnectionDelay: listenAgainMs,
        maxReconnectionDelay: 60_000,
        reconnectionDelayGrowFactor: 2,
        maxRetries: Number.MAX_SAFE_INTEGER,
      };
      this.#transport = new StreamableHTTPClientTransport(url, { fetch, reconnectionOptions });
      this.#relist = setInterval(() => this.#isListening || this.#events.onDoubt(), relistMs).unref();
    }
    this.#ready = this.#transport.start().catch(() => this.#end("it names no endpoint of its own origin"));
  }

  send(message: object): boolean {
    if (this.#isOver || this.#unsent >= MOST_UNSENT || this.#unsentBytes > UNREAD_BYTES) return false;
    const { id, method, params } = message as Json;
    this.#unsent += 1;
    const sent = this.#ready
      .then(() => (this.#isOver ? undefined : this.#transport.send(message as JSONRPCMessage)))
      .catch((error: Error) => {
        if (typeof id === "number") this.#events.onLost(id, "away", `could not be sent this (${reasonOf(error)})`);
      })
      .finally(() => (this.#unsent -= 1));
    // The session is known, and begun, before anything else is said in it.
    if (method === "initialize" || method === "notifications/initialized") this.#ready = sent;
    if (method === "notifications/cancelled" && isJson(params)) {
      const given = params.requestId;
      void Promise.race([sent, pause(CANCEL_MS)]).then(() => this.#abort(given));
    }
    return true;
  }

  agreed(protocolVersion: string): void {
    this.#transport.setProtocolVersion(protocolVersion);
  }

  async stop(): Promise<void> {
    const isThere = this.#hasSession && !this.#isOver;
    this.#isOver = true;
    clearInterval(this.#relist);
    if (isThere && this.#transport instanceof StreamableHTTPClientTransport)
      await Promise.race([this.#transport.terminateSession().catch(() => {}), pause(this.#options.graceMs)]);
    await this.#transport.close();
    for (const post of this.#posts.values()) post.abort();
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#relist);
    this.#events.onEnd(reason);
  }

  #fetch(url: URL, { method = "GET", headers, body, signal }: RequestInit): Promise<Response> {
    const sent: Sent = {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ...(signal && { signal }),
    };
    if (method === "POST") return this.#post(url, { ...sent, body: body as string });
    return method === "DELETE" ? this.#delete(url, sent) : this.#listen(url, sent);
  }

  /** What the transport is told is only that its message arrived. */
  async #post(url: URL, sent: Sent & { readonly body: string }): Promise<Response> {
    const { id, method } = JSON.parse(sent.body) as Json;
    const asked = typeof id === "number" && typeof method === "string" ? { id, method } : undefined;
    const key = asked ?? {};
    const post = new AbortController();
    const { signal } = post;
    this.#posts.set(key, post);
    const late = asked ? undefined : setTimeout(() => post.abort(), NOTICE_MS);
    const done = () => {
      this.#posts.delete(key);
      clearTimeout(late);
    };
    this.#unsentBytes += sent.body.length;
    let response: IncomingMessage;
    try {
      response = await this.#outgoing.send(url, { ...sent, signal });
    } catch (error) {
      done();
      if (!signal.aborted) this.#unanswered(asked, error as Unanswered);
      return new Response(null, { status: 202 });
    } finally {
      this.#unsentBytes -= sent.body.length;
    }
    const session = method === "initialize" ? response.headers["mcp-session-id"] : undefined;
    if (typeof session === "string") this.#hasSession = true;
    void this.#answered(asked, response, signal).finally(() => {
      done();
      response.destroy();
    });
    return new Response(null, {
      status: 202,
      headers: typeof session === "string" ? { "mcp-session-id": session } : {},
    });
  }

  async #delete(url: URL, sent: Sent): Promise<Response> {
    const response = await this.#outgoing.send(url, sent);
    response.destroy();
    return new Response(null, { status: isFine(response) ? 200 : 405 });
  }

  #abort(id: unknown): void {
    for (const [key, post] of this.#posts) if ((key as Partial<Asked>).id === id) post.abort();
  }

  #unanswered(asked: Asked | undefined, { message, wasSent }: Unanswered): void {
    if (wasSent) return asked && this.#fail(asked, "died", `broke the connection (${message}); ${UNKNOWN}`);
    if (asked) this.#events.onLost(asked.id, "away", `cannot be reached (${message}), and was sent nothing`);
    this.#end(`it cannot be reached: ${message}`);
  }

  #fail({ id, method }: Asked, lost: Lost, what: string): void {
    this.#events.onLost(id, lost, what);
    if (lost === "died") this.#events.onDoubt();
    // What is too large for a list of tools says nothing about the connection.
    if (OWN.has(method) && lost !== "too_large") this.#end(`it ${what.replace(`; ${UNKNOWN}`, "")}`);
  }

  async #answered(asked: Asked | undefined, response: IncomingMessage, signal: AbortSignal): Promise<void> {
    if (!asked) return;
    if (!isFine(response)) return this.#refused(asked, response);
    // The answer comes as an event.
    if (this.#options.transport === "sse") return;
    const kind = kindOf(response);
    if (kind === "other") return this.#fail(asked, "refused", `answered neither with JSON nor with events; ${UNKNOWN}`);
    let hasAnswer = false;
    let over: NodeJS.Timeout | undefined;
    const read = {
      ...this.#events,
      onMessage: (message: unknown) => {
        if (!hasAnswer && [message].flat().some((each) => isAnswerTo(each, asked))) {
          hasAnswer = true;
          over = setTimeout(() => response.destroy(), AFTER_ANSWER_MS).unref();
        }
        this.#events.onMessage(message);
      },
    };
    const isUnreadable = (why: string) =>
      this.#fail(asked, "too_large", `answered, but its answer was thrown away: ${why}`);
    try {
      if (kind === "json")
        readMessage(await readBody(response, this.#limits), { ...read, onUnreadable: (why) => isUnreadable(why) });
      else
        await readEvents(
          response,
          this.#limits,
          (name, data) => name === "message" && data.length && readMessage(data, read),
        );
      if (!hasAnswer) this.#fail(asked, "died", `ended its answer without a result; ${UNKNOWN}`);
    } catch (error) {
      if (hasAnswer || signal.aborted) return;
      if (error instanceof TooLarge) isUnreadable(error.message);
      else this.#fail(asked, "died", `broke off its answer (${reasonOf(error as Error)}); ${UNKNOWN}`);
    } finally {
      clearTimeout(over);
    }
  }

  /** An answer of HTTP, with or without one of the protocol in it. No text of its body is shown: it may repeat our headers. */
  async #refused(asked: Asked, response: IncomingMessage): Promise<void> {
    const { statusCode: status = 0 } = response;
    const { id, method } = asked;
    if (status < 400) return this.#fail(asked, "refused", redirects(response, this.#options.url));
    if (status === 401 || status === 403)
      return this.#fail(asked, "refused", `refuses the adapter's credentials (HTTP ${status})`);
    if (status === 404 && (this.#hasSession || this.#options.transport === "sse")) {
      this.#events.onLost(id, "away", "has ended its session with the adapter, and did nothing; ask again in a moment");
      return this.#end("it has ended the session");
    }
    const error = await errorIn(response, this.#limits);
    // One that does not know the session may say so with an error that names no request.
    if (method !== "initialize" && status < 500 && method !== "tools/list") this.#events.onDoubt();
    if (error && method !== "tools/list" && (error.id === id || method === "initialize"))
      return this.#events.onMessage({ ...error, id });
    // A server that has no ping is there all the same.
    if (method === "ping" && status < 500 && status !== 404)
      return this.#events.onMessage({ id, error: { code: METHOD_NOT_FOUND, message: `HTTP ${status}` } });
    this.#fail(asked, "refused", `answered HTTP ${status}${status < 500 ? "" : `; ${UNKNOWN}`}`);
  }

  /** The stream of what belongs to no request; over SSE, of everything. Of it the transport sees the endpoint. */
  async #listen(url: URL, sent: Sent): Promise<Response> {
    const isSse = this.#options.transport === "sse";
    let response: IncomingMessage;
    try {
      response = await this.#outgoing.send(url, sent);
    } catch (error) {
      if (isSse) this.#end(`it cannot be reached: ${(error as Error).message}`);
      throw error;
    }
    if (!isFine(response) || kindOf(response) !== "events") {
      response.destroy();
      if (isSse) this.#end(`it ${noStream(response, url)}`);
      // As one says that there is no such stream.
      return new Response(null, { status: 405 });
    }
    this.#isListening = true;
    // What changed while nobody listened, nobody told.
    if ((this.#streams += 1) > 1) this.#events.onDoubt();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const shown = writable.getWriter();
    void this.#hear(response, (endpoint) => {
      void shown.write(Buffer.concat([ENDPOINT, endpoint, END_OF_EVENT])).catch(() => {});
    }).then((reason) => {
      this.#isListening = false;
      if (isSse) this.#end(reason);
      return shown.close().catch(() => {});
    });
    return new Response(readable, { headers: { "content-type": "text/event-stream" } });
  }

  /** @returns why nothing comes any more. */
  async #hear(response: IncomingMessage, onEndpoint: (data: Buffer) => void): Promise<string> {
    const { answerBytes, transport } = this.#options;
    let wantsEndpoint = transport === "sse";
    try {
      await readAllEvents(
        response,
        answerBytes,
        (name, data) => {
          if (name === "message" && data.length) readMessage(data, this.#events);
          else if (name === "endpoint" && wantsEndpoint && data.length <= ENDPOINT_BYTES) {
            wantsEndpoint = false;
            // Of one line, so that it cannot be two events.
            onEndpoint(Buffer.from(data.toString().replace(/[\r\n].*/s, "")));
          }
        },
        (edges) => this.#events.onUnreadable(`it has ${edges.bytes} bytes; at most ${answerBytes}`, edges.toString()),
      );
      return "its stream of events ended";
    } catch (error) {
      return `its stream of events broke off: ${reasonOf(error as Error)}`;
    }
  }
}

const ENDPOINT = Buffer.from("event: endpoint\ndata: ");
const END_OF_EVENT = Buffer.from("\n\n");

const isAnswerTo = (message: unknown, { id }: Asked) =>
  isJson(message) && message.id === id && message.method === undefined;
