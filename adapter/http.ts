import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { BadJson, parseBody } from "../lib/json.ts";
import { BodyRoom } from "../lib/limits.ts";
import { log } from "./log.ts";
import { isJson, type Json } from "./messages.ts";
import type { Metrics } from "./metrics.ts";
import type { Session, Sessions } from "./sessions.ts";

export interface HttpOptions {
  readonly token: string;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly health: () => { readonly ok: boolean; readonly more: Json };
  /** Everything that the server lists, approved or not. */
  readonly listed: () => Promise<readonly Json[]>;
  readonly questionBytes: number;
  /** A session over streamable HTTP that nobody uses for so long is over; over SSE, its connection says that. */
  readonly idleMs?: number;
  readonly keepAliveMs?: number;
}

const MOST_SESSIONS = 1_000;
/** What may wait for a client that does not read. */
const UNREAD_BYTES = 64 * 2 ** 20;
const MESSAGES_PATH = "/messages";

interface Stream {
  readonly transport: StreamableHTTPServerTransport;
  readonly session: Session;
  open: number;
  used: number;
}

/** A refusal before any transport has the request. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A page in a browser has no business here, but for one of this very machine; the specification wants it looked at. */
const LOOPBACK = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

const digest = (text: string) => createHash("sha256").update(text).digest();

/** The adapter over HTTP: both transports, whether the server is there, and figures. */
export function createHttp(options: HttpOptions): Server {
  const { sessions, metrics, health, listed, questionBytes, idleMs = 15 * 60_000, keepAliveMs = 15_000 } = options;
  const expected = digest(`Bearer ${options.token}`);
  const room = new BodyRoom(8 * questionBytes);
  const events = new Map<string, { readonly transport: SSEServerTransport; readonly response: ServerResponse }>();
  const streams = new Map<string, Stream>();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://adapter");
    if (request.method === "GET" && url.pathname === "/health") {
      const { ok, more } = health();
      return json(response, ok ? 200 : 503, more);
    }
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), expected)) {
      metrics.unauthorised.inc();
      response.setHeader("www-authenticate", "Bearer");
      throw new Refused(401, "the token is missing or wrong");
    }
    const { origin } = request.headers;
    if (origin !== undefined && !LOOPBACK.test(origin)) throw new Refused(403, "not from a page of another host");
    switch (`${request.method} ${url.pathname.replace(/(.)\/$/, "$1")}`) {
      case "GET /metrics":
        response.writeHead(200, { "content-type": metrics.registry.contentType });
        return void response.end(await metrics.registry.metrics());
      case "GET /listed": {
        const tools = await listed().catch((error: Error) => {
          throw new Refused(503, error.message);
        });
        return json(response, 200, { tools });
      }
      case "GET /sse":
        return openEvents(response);
      case `POST ${MESSAGES_PATH}`: {
        const session = events.get(url.searchParams.get("sessionId") ?? "");
        if (!session) throw new Refused(404, "no such session");
        return session.transport.handlePostMessage(request, response, await body(request, response));
      }
      case "POST /mcp":
      case "GET /mcp":
      case "DELETE /mcp":
        return stream(request, response);
      default:
        throw new Refused(404, "no such path");
    }
  }

  async function openEvents(response: ServerResponse): Promise<void> {
    admit();
    const transport = new SSEServerTransport(MESSAGES_PATH, response);
    const session = sessions.add(transport);
    events.set(transport.sessionId, { transport, response });
    response.once("close", () => {
      events.delete(transport.sessionId);
      void session.close();
    });
    await transport.start();
  }

  async function stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers["mcp-session-id"];
    const message = request.method === "POST" ? await body(request, response) : undefined;
    const known = typeof id === "string" ? streams.get(id) : openStream(message);
    // A client that gets 404 for its session begins another.
    if (!known) throw new Refused(id === undefined ? 405 : 404, "no such session");
    known.open += 1;
    response.once("close", () => {
      known.open -= 1;
      known.used = Date.now();
      // One without a session, or that came to none, ends with its request.
      if (known.transport.sessionId === undefined) void known.session.close();
    });
    sayOnce(request.rawHeaders, "mcp-protocol-version");
    await known.transport.handleRequest(request, response, message);
  }

  function openStream(message: unknown): Stream | undefined {
    if (message === undefined) return undefined;
    admit();
    const isFirst = [message].flat().some((each) => isJson(each) && each.method === "initialize");
    const transport = new StreamableHTTPServerTransport({
      ...(isFirst && { sessionIdGenerator: randomUUID }),
      onsessioninitialized: (id) => void streams.set(id, opened),
    });
    const session = sessions.add(transport);
    const opened = { transport, session, open: 0, used: Date.now() };
    return opened;
  }

  function admit(): void {
    if (sessions.count >= MOST_SESSIONS) throw new Refused(503, `there are ${MOST_SESSIONS} sessions already`);
  }

  async function body(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const tooLarge = new Refused(413, `the request has more than ${questionBytes} bytes`);
    const declared = Number(request.headers["content-length"] ?? questionBytes);
    if (declared > questionBytes) throw tooLarge;
    const done = room.take(declared);
    if (!done) throw new Refused(503, "too many large requests at once");
    response.once("close", done);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > questionBytes) throw tooLarge;
      chunks.push(chunk);
    }
    return parseBody(Buffer.concat(chunks));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: Error) => {
      const isRefused = error instanceof Refused || error instanceof BadJson;
      if (!isRefused) log("request failed", { error: error.message });
      if (response.headersSent) return void response.destroy();
      // The rest of a body that nobody reads: its connection is of no more use.
      if (!request.complete) response.setHeader("connection", "close");
      json(response, error instanceof Refused ? error.status : isRefused ? 400 : 500, {
        jsonrpc: "2.0",
        id: null,
        error: { code: -32_000, message: isRefused ? error.message : "the adapter failed; its log has more" },
      });
    });
  });

  // A client may use a connection again long after its last request; a server that closes it just then loses that request.
  server.keepAliveTimeout = 75_000;
  // A client's library gives a silent stream up; a client that is gone without a word is noticed by writing to it.
  const keepAlive = setInterval(() => {
    for (const { response } of events.values())
      if (response.writableLength > UNREAD_BYTES) response.destroy();
      else response.write(": still here\n\n");
    for (const [id, { transport, session, open, used }] of streams)
      if (open === 0 && !session.isBusy && Date.now() - used > idleMs) {
        streams.delete(id);
        void transport.close();
      }
  }, keepAliveMs).unref();
  server.on("close", () => clearInterval(keepAlive));
  return server;
}

/** LiteLLM 1.77.3 says twice which revision of the protocol it speaks, and the SDK knows no revision called "2025-06-18, 2025-06-18". */
function sayOnce(rawHeaders: string[], name: string): void {
  let said: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() !== name) continue;
    if (said === undefined) said = rawHeaders[at + 1];
    else if (said === rawHeaders[at + 1]) at -= rawHeaders.splice(at, 2).length;
  }
}

function json(response: ServerResponse, status: number, value: Json): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
