// Stand-in for an MCP server that runs elsewhere, over both transports of HTTP; it misbehaves where a test takes a request from it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Connect } from "./link.ts";
import type { Json } from "./messages.ts";
import { Remote, type RemoteOptions } from "./remote.ts";

/** A request as the server has it. */
export interface Came {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What was posted. */
  readonly message: Json;
  readonly tool: string;
  readonly args: Json;
  /** Answers it as the transport wants it. */
  readonly answer: (message: object) => void;
}

export interface ToldRemote {
  readonly transport?: "sse" | "http";
  /** Whether it gives ids to its sessions; over SSE there is always one. */
  readonly sessions?: boolean;
  /** Takes a request away from the stand-in. */
  readonly takes?: (came: Came, server: StandInRemote) => boolean | void;
  readonly tools?: readonly string[];
  readonly host?: string;
  readonly remote?: Partial<RemoteOptions>;
}

const inputSchema = { type: "object", properties: { text: { type: "string" } } };
const USUAL = ["echo", "sleep", "big", "odd", "heard"];

export class StandInRemote {
  /** Every request, as `POST initialize`, `GET` or `DELETE`, with its headers. */
  readonly requests: { readonly what: string; readonly headers: string[] }[] = [];
  readonly messages: Json[] = [];
  /** Streams that are open for what belongs to no request. */
  readonly streams = new Set<ServerResponse>();
  tools: readonly string[];
  readonly #told: ToldRemote;
  readonly #sessions = new Set<string>();
  #http: Server | undefined;
  #port = 0;
  #lastSession = 0;

  constructor(told: ToldRemote) {
    this.#told = told;
    this.tools = told.tools ?? USUAL;
  }

  get url(): URL {
    return new URL(`http://${this.#host}:${this.#port}/${this.#isSse ? "sse" : "mcp"}`);
  }

  get #host(): string {
    return this.#told.host ?? "127.0.0.1";
  }

  get #isSse(): boolean {
    return this.#told.transport === "sse";
  }

  count(what: string): number {
    return this.requests.filter((request) => request.what === what).length;
  }

  /** At the same port each time. */
  async start(): Promise<void> {
    this.#http = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve) => this.#http!.listen(this.#port, this.#host, resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http?.close(resolve));
    this.#http?.closeAllConnections();
    await closed;
    this.forget();
  }

  /** As a server that was started again: it knows no session. */
  forget(): void {
    this.#sessions.clear();
  }

  /** To whoever listens. */
  say(message: object): void {
    for (const stream of this.streams) stream.write(event({ jsonrpc: "2.0", ...message }));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await request.toArray().catch(() => [])) as Buffer[];
    const message = (request.method === "POST" ? JSON.parse(Buffer.concat(body).toString()) : {}) as Json;
    const params = (message.params ?? {}) as Json;
    const what = [request.method, message.method].filter(Boolean).join(" ");
    this.requests.push({ what, headers: request.rawHeaders });
    this.messages.push(message);
    const answer = (answered: object) => {
      const whole = { jsonrpc: "2.0", id: message.id, ...answered };
      if (!this.#isSse) return void response.end(event(whole));
      for (const stream of this.streams) stream.write(event(whole));
    };
    const args = (params.arguments ?? {}) as Json;
    if (this.#told.takes?.({ request, response, message, tool: String(params.name), args, answer }, this)) return;
    if (request.method === "GET") return this.#listen(response);
    if (!this.#isSse && !this.#knows(request, response, message)) return;
    if (request.method === "DELETE") return void response.writeHead(200).end();
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end();
    if (this.#isSse) response.writeHead(202).end("Accepted");
    else response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    answer(await this.#result(message, params, args));
  }

  #listen(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    this.streams.add(response);
    response.once("close", () => this.streams.delete(response));
    if (this.#isSse) response.write("event: endpoint\ndata: /messages?session=1\n\n");
  }

  #knows(request: IncomingMessage, response: ServerResponse, message: Json): boolean {
    if (!this.#told.sessions) return true;
    if (message.method === "initialize") {
      const id = `session-${(this.#lastSession += 1)}`;
      this.#sessions.add(id);
      response.setHeader("mcp-session-id", id);
      return true;
    }
    const isKnown = this.#sessions.has(String(request.headers["mcp-session-id"]));
    if (!isKnown) response.writeHead(404).end("no such session");
    return isKnown;
  }

  async #result({ method }: Json, params: Json, args: Json): Promise<object> {
    if (method === "initialize") {
      const capabilities = { tools: { listChanged: true } };
      const serverInfo = { name: "remote", version: "1" };
      return { result: { protocolVersion: params.protocolVersion, capabilities, serverInfo } };
    }
    if (method === "tools/list")
      return { result: { tools: this.tools.map((name) => ({ name, description: `Does ${name}`, inputSchema })) } };
    if (method === "ping") return { result: {} };
    if (method !== "tools/call") return { error: { code: -32601, message: `no ${String(method)}` } };
    if (params.name === "sleep") await pause(Number(args.ms), undefined, { ref: false });
    const said = params.name === "big" ? "x".repeat(Number(args.bytes)) : ((args.text ?? "") as string);
    return { result: { content: [{ type: "text", text: said }] } };
  }
}

export const event = (message: object) => `event: message\ndata: ${JSON.stringify(message)}\n\n`;

/** A stand-in that listens until the test ends, and the way to it. */
export async function standInRemote(
  test: TestContext,
  told: ToldRemote = {},
): Promise<{ readonly server: StandInRemote; readonly link: Connect }> {
  const server = new StandInRemote(told);
  await server.start();
  test.after(() => server.stop());
  const link: Connect = (events) =>
    new Remote(
      {
        url: server.url,
        transport: told.transport ?? "http",
        headers: { authorization: "Bearer of-the-adapter-12345" },
        reach: { isPublic: false, loopback: true },
        answerBytes: 2 ** 20,
        graceMs: 300,
        listenAgainMs: 100,
        ...told.remote,
      },
      events,
    );
  return { server, link };
}
