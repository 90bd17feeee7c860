import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Programs } from "./programs.ts";

/** A server of npm as its own documentation starts it over streamable HTTP. */
export interface NpmServer {
  readonly package: string;
  /** Below the package. */
  readonly program: string;
  readonly args?: (address: string, port: number) => readonly string[];
  readonly env?: (address: string, port: number) => Readonly<Record<string, string>>;
  /** Whether it wants the token. */
  readonly token?: boolean;
  /** A tool that harms nothing, and what its answer has to contain. */
  readonly call: {
    readonly tool: string;
    readonly arguments: Readonly<Record<string, unknown>>;
    readonly says: RegExp;
  };
}

export const SERVER_TOKEN = "token-of-the-npm-servers-0123456789abcdef";

/** Some have sessions and some have none; three ask for a token. Where there is no internet, some tools answer with an error of their own. */
export const NPM_SERVERS: Readonly<Record<string, NpmServer>> = {
  brave: {
    package: "@brave/brave-search-mcp-server",
    program: "dist/index.js",
    args: (address, port) => ["--transport", "http", "--host", address, "--port", String(port)],
    env: () => ({ BRAVE_API_KEY: "no-key" }),
    call: { tool: "brave_web_search", arguments: { query: "tea" }, says: /fetch failed|Brave|subscription/i },
  },
  context7: {
    package: "@upstash/context7-mcp",
    program: "dist/index.js",
    args: (_address, port) => ["--transport", "http", "--port", String(port)],
    call: { tool: "resolve-library-id", arguments: { query: "how to start", libraryName: "react" }, says: /librar/i },
  },
  everything: {
    package: "@modelcontextprotocol/server-everything",
    program: "dist/index.js",
    args: () => ["streamableHttp"],
    env: (_address, port) => ({ PORT: String(port) }),
    call: { tool: "get-sum", arguments: { a: 2, b: 40 }, says: /42/ },
  },
  firecrawl: {
    package: "firecrawl-mcp",
    program: "dist/index.js",
    env: (address, port) => ({
      HTTP_STREAMABLE_SERVER: "true",
      FIRECRAWL_API_KEY: "fc-no-key",
      HOST: address,
      PORT: String(port),
    }),
    call: {
      tool: "firecrawl_scrape",
      arguments: { url: "http://127.0.0.1:9/" },
      says: /'firecrawl_scrape' execution failed/,
    },
  },
  kubernetes: {
    package: "mcp-server-kubernetes",
    program: "dist/index.js",
    env: (address, port) => ({
      ENABLE_UNSAFE_STREAMABLE_HTTP_TRANSPORT: "1",
      HOST: address,
      PORT: String(port),
      DNS_REBINDING_ALLOWED_HOST: `${address}:${port}`,
    }),
    call: { tool: "kubectl_get", arguments: { resourceType: "pods" }, says: /kubectl/ },
  },
  mongodb: {
    package: "mongodb-mcp-server",
    program: "dist/esm/index.js",
    args: (address, port) => ["--transport", "http", "--httpHost", address, "--httpPort", String(port)],
    env: () => ({ MDB_MCP_TELEMETRY: "disabled", MDB_MCP_DANGEROUS_HOST_BINDING: "true" }),
    call: { tool: "list-connections", arguments: {}, says: /connection/i },
  },
  n8n: {
    package: "n8n-mcp",
    program: "dist/mcp/index.js",
    env: (address, port) => ({
      MCP_MODE: "http",
      HOST: address,
      PORT: String(port),
      AUTH_TOKEN: SERVER_TOKEN,
      N8N_MCP_TELEMETRY_DISABLED: "true",
    }),
    token: true,
    call: { tool: "search_nodes", arguments: { query: "webhook", limit: 3 }, says: /webhook/i },
  },
  notion: {
    package: "@notionhq/notion-mcp-server",
    program: "bin/cli.mjs",
    args: (address, port) => [
      ...["--transport", "http", "--host", address, "--port", String(port)],
      ...["--auth-token", SERVER_TOKEN],
    ],
    env: () => ({ NOTION_TOKEN: "ntn_no_token" }),
    token: true,
    call: { tool: "API-get-self", arguments: {}, says: /api\.notion\.com|unauthorized/ },
  },
  playwright: {
    package: "@playwright/mcp",
    program: "cli.js",
    args: (address, port) => ["--headless", "--host", address, "--port", String(port), "--allowed-hosts", "*"],
    call: { tool: "browser_navigate", arguments: { url: "about:blank" }, says: /Chromium|about:blank/ },
  },
  searxng: {
    package: "mcp-searxng",
    program: "dist/cli.js",
    env: (address, port) => ({
      MCP_HTTP_PORT: String(port),
      MCP_HTTP_HOST: address,
      MCP_HTTP_AUTH_TOKEN: SERVER_TOKEN,
      SEARXNG_URL: "http://127.0.0.1:9",
    }),
    token: true,
    call: { tool: "searxng_web_search", arguments: { query: "tea" }, says: /SEARXNG_URL/ },
  },
};

const START_MS = 60_000;

/** Starts one at an address of this machine; it ends with `stop`. */
export async function startNpmServer(programs: Programs, server: NpmServer, address: string, port: number) {
  const home = await mkdtemp(path.join(tmpdir(), "npm-server-"));
  const child: ChildProcess = spawn(
    programs.node,
    [path.join(programs.modules, server.package, server.program), ...(server.args?.(address, port) ?? [])],
    {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, NO_COLOR: "1", ...server.env?.(address, port) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    await rm(home, { recursive: true, force: true });
  };
  const url = `http://${address}:${port}/mcp`;
  for (const late = Date.now() + START_MS; ; await pause(200)) {
    // Whatever it answers: it listens.
    if (
      await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
        () => true,
        () => false,
      )
    )
      break;
    if (child.exitCode === null && Date.now() < late) continue;
    await stop();
    throw new Error(`${server.package} does not listen at ${url} (exit code ${child.exitCode}):\n${said}`);
  }
  return { url, stop, log: () => said };
}
