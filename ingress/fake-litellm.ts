// A STAND-IN for LiteLLM, for the unit tests of this folder alone: says what it heard, and misbehaves as told.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}

type Answer = (heard: Heard, response: http.ServerResponse) => unknown;

export const json = (response: http.ServerResponse, status: number, body: unknown) =>
  response
    .writeHead(status, { "content-type": "application/json", "x-litellm-model-api-base": "http://secret-place" })
    .end(JSON.stringify(body));

/** What it does unless a test says otherwise. */
const defaults: Answer = ({ method, path, body }, response) => {
  const { id, method: asked, params } = (body ?? {}) as { id?: number; method?: string; params?: { name?: string } };
  if (method === "GET" && path === "/health/liveliness") return json(response, 200, "alive");
  if (method === "GET" && path === "/health/readiness")
    return json(response, 200, { status: "connected", db: "connected" });
  if (method === "GET" && path === "/key/info") return json(response, 200, { info: { spend: 0 } });
  if (path === "/mcp/" && asked === "initialize")
    return json(response, 200, {
      jsonrpc: "2.0",
      id,
      result: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {}, prompts: {} },
        serverInfo: { name: "fake", version: "1" },
      },
    });
  if (path === "/mcp/" && asked === "tools/list")
    return json(response, 200, {
      jsonrpc: "2.0",
      id,
      result: { tools: TOOLS.map((name) => ({ name, description: name, inputSchema: {} })) },
    });
  if (path === "/mcp/" && asked === "tools/call")
    return json(response, 200, {
      jsonrpc: "2.0",
      id,
      result: { content: [{ type: "text", text: `called ${params?.name}` }], isError: false },
    });
  return json(response, 200, { heard: path });
};

export const TOOLS = ["time-now", "time-convert", "git-log", "git-status"];

export class FakeLiteLlm {
  heard: Heard[] = [];
  answer: Answer = defaults;
  readonly defaults = defaults;
  #server: http.Server | undefined;
  #port = 0;

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Requests that clients caused: no questions about its health. */
  get asked() {
    return this.heard.filter(({ path }) => !path.startsWith("/health/"));
  }

  /** Starts, again at the same port after `stop`. */
  async start(): Promise<void> {
    this.#server = http.createServer((request, response) => {
      void text(request).then((body) => {
        const heard: Heard = {
          method: request.method!,
          path: request.url!,
          headers: request.headers,
          body: body === "" ? undefined : JSON.parse(body),
        };
        this.heard.push(heard);
        this.answer(heard, response);
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
