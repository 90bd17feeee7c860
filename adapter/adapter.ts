import type { Server } from "node:http";
import type { ToolLock } from "../approval/tool-lock.ts";
import { createHttp, type HttpOptions } from "./http.ts";
import { Metrics } from "./metrics.ts";
import { type SessionOptions, Sessions } from "./sessions.ts";
import { Upstream, type UpstreamOptions } from "./upstream.ts";

type Given<T, Made extends keyof T> = Omit<T, Made>;

export interface AdapterOptions {
  readonly lock: ToolLock | "everything";
  readonly upstream: Given<UpstreamOptions, "lock">;
  readonly sessions: Given<SessionOptions, "upstream" | "metrics">;
  readonly http: Given<HttpOptions, "sessions" | "metrics" | "health" | "listed">;
}

export interface Adapter {
  readonly upstream: Upstream;
  readonly http: Server;
  /** Ends the server in order, and answers whoever still waits for it. */
  readonly stop: () => Promise<void>;
}

/** The whole program, but for its variables and signals; the server is started, the port is the caller's. */
export function createAdapter(options: AdapterOptions): Adapter {
  const upstream = new Upstream({
    ...options.upstream,
    lock: options.lock,
  });
  const metrics: Metrics = new Metrics(upstream, () => sessions.count);
  const sessions = new Sessions({ ...options.sessions, upstream, metrics });
  const http = createHttp({
    ...options.http,
    sessions,
    metrics,
    health: () => upstream.health(),
    listed: () => upstream.listed(),
  });
  upstream.start();
  return {
    upstream,
    http,
    stop: async () => {
      http.close();
      await upstream.stop();
      await sessions.close();
      http.closeAllConnections();
    },
  };
}
