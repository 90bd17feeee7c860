import http from "node:http";
import type { Registry } from "prom-client";
import { readAlerts, type Said } from "./prometheus.ts";

/** Of a body; Prometheus sends less than a KiB for each alert. */
const MOST_BYTES = 512 * 1_024;
/** In which a request has to be there. */
const REQUEST_MS = 10_000;
const MOST_CONNECTIONS = 16;
/** Of what is wrong with a body. */
const MOST_PROBLEMS = 5;
export const ALERTS_PATH = "/api/v2/alerts";
const FIGURES_PATH = "/metrics";

export interface ReceiverOptions {
  /** Those of the stack. */
  readonly servers: readonly string[];
  readonly take: (said: readonly Said[]) => void;
  /** Told what was not taken. */
  readonly complain: (problem: string) => void;
  readonly figures: Pick<Registry, "metrics" | "contentType">;
}

/**
 * Takes what Prometheus says, as an Alertmanager does, and tells it figures. Prometheus says it again each minute, and of what is over
 * for a quarter of an hour.
 */
export function createReceiver({ servers, take, complain, figures }: ReceiverOptions): http.Server {
  const limits = {
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    connectionsCheckingInterval: REQUEST_MS / 2,
  };
  const server = http.createServer(limits, (request, response) => {
    const refuse = (status: number, text: string, headers: http.OutgoingHttpHeaders = {}) => {
      complain(text);
      // What is left of the body is not read.
      response
        .writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close", ...headers })
        .end(`${text}\n`);
    };
    if (request.url === FIGURES_PATH && request.method === "GET") {
      figures
        .metrics()
        .then((text) => response.writeHead(200, { "content-type": figures.contentType }).end(text))
        // Prometheus shows it beside the address.
        .catch((error: Error) => response.writeHead(500).end(error.message));
      return undefined;
    }
    if (request.url !== ALERTS_PATH) return refuse(404, `alerts are posted to ${ALERTS_PATH}`);
    if (request.method !== "POST") return refuse(405, "alerts are posted", { allow: "POST" });
    bodyOf(request)
      .then((body) => {
        if (!body) return refuse(413, `the body is larger than ${MOST_BYTES} bytes`);
        const { said, problems } = readAlerts(body, servers, Date.now());
        take(said);
        if (!problems.length) return response.end();
        const [shown, more] = [problems.slice(0, MOST_PROBLEMS), problems.length - MOST_PROBLEMS];
        return refuse(400, [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"));
      })
      // Whoever asks has gone.
      .catch(() => response.destroy());
    return undefined;
  });
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

/** Undefined: it is too large. */
async function bodyOf(request: http.IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > MOST_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Who sends too much is told so, by the connection that its body comes from.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
