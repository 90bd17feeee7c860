import { docker, logsOf, python } from "./docker.ts";
import { eventually } from "./gateway.ts";

export interface TrafficStack {
  /** Base URL of the gateway. */
  readonly base: string;
  readonly prefix: string;
  /** Keys of the clients, one after the other per client. */
  readonly keys: readonly string[];
  /** MiB; the memory limit of LiteLLM's container. */
  readonly memoryMiB: number;
}

export interface Travelled {
  readonly made: number;
  readonly failures: readonly string[];
  readonly longestMs: number;
}

const MIB = 2 ** 20;
const rpc = (method: string, params?: unknown) => ({
  jsonrpc: "2.0",
  id: 1,
  method,
  ...(params !== undefined && { params }),
});
const tool = (name: string, args: unknown) => ["/mcp/", rpc("tools/call", { name, arguments: args })] as const;
/** What the clients ask, in turns. */
const REQUESTS = [
  tool("time-get_current_time", { timezone: "UTC" }),
  ["/mcp/", rpc("tools/list")],
  tool("memory-search_nodes", { query: "x" }),
  [
    "/mcp/",
    rpc("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "x", version: "1" } }),
  ],
  ["/v1/chat/completions", { model: "mock", messages: [{ role: "user", content: "hello" }] }],
] as const;
const LONGEST_CALL_MS = 150_000;

/** Calls of all clients at once until `enough`, and what failed of them. */
export async function traffic({ base, keys }: TrafficStack, enough: (made: number) => boolean): Promise<Travelled> {
  let made = 0;
  let longestMs = 0;
  const failures: string[] = [];
  await Promise.all(
    keys.map(async (key) => {
      for (let at = 0; !enough(made); at++) {
        const [where, body] = REQUESTS[at % REQUESTS.length]!;
        const started = Date.now();
        try {
          const answer = await fetch(`${base}${where}`, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              accept: "application/json, text/event-stream",
              authorization: `Bearer ${key}`,
            },
            body: JSON.stringify(body),
            signal: AbortSignal.timeout(LONGEST_CALL_MS),
          });
          const text = await answer.text();
          if (answer.status !== 200 || /"isError":true/.test(text))
            failures.push(`${where}: ${answer.status} ${text.slice(0, 300)}`);
        } catch (error) {
          failures.push(`${where}: ${String(error)} ${String((error as Error).cause)}`);
        }
        made += 1;
        longestMs = Math.max(longestMs, Date.now() - started);
      }
    }),
  );
  return { made, failures, longestMs };
}

/** The memory of a container that the kernel cannot free on demand, in bytes. */
export async function memoryOf(container: string): Promise<number> {
  const { memory_stats } = await docker.getContainer(container).stats({ stream: false });
  const { total_inactive_file, inactive_file } = memory_stats.stats as {
    total_inactive_file?: number;
    inactive_file?: number;
  };
  return memory_stats.usage - (total_inactive_file ?? inactive_file ?? 0);
}

/**
 * The memory that a container's programs have allocated, in bytes. Cached pages of files, such as those of the audit,
 * are not counted: the kernel frees them when somebody needs the memory.
 */
export async function ownMemoryOf(container: string): Promise<number> {
  const { memory_stats } = await docker.getContainer(container).stats({ stream: false });
  // As control groups of version 1 and 2 call it.
  const { total_rss, anon } = memory_stats.stats as { total_rss?: number; anon?: number };
  return total_rss ?? anon!;
}

/** The ways in which LiteLLM is restarted while clients work; each ends when LiteLLM is back. */
export function restarts({
  base,
  prefix,
  memoryMiB,
}: TrafficStack): Readonly<Record<"byDocker" | "fromWithin" | "forMemory" | "killed", () => Promise<void>>> {
  const name = `${prefix}litellm`;
  const container = docker.getContainer(name);
  const count = async (event: string) => (await logsOf(name)).split(`"event": "${event}"`).length;
  const restarted = async (how: () => Promise<unknown>): Promise<void> => {
    const before = await count("alive");
    try {
      await how();
      await eventually("LiteLLM is back", 150, async () => (await count("alive")) > before);
      await eventually("the gateway is healthy", 30, async () => (await fetch(`${base}/health`)).status === 200);
    } catch (error) {
      const said = (await logsOf(name))
        .split("\n")
        .filter((line) => line.includes('"source": "launcher"'))
        .slice(-12);
      throw new Error(`${(error as Error).message}; its launcher said:\n${said.join("\n")}`, { cause: error });
    }
  };
  /** Its memory once that has stopped growing, which takes a while after its start. */
  const settledMemory = async (): Promise<number> => {
    let last = 0;
    return eventually("LiteLLM's memory is steady", 90, async () => {
      const now = await memoryOf(name);
      const grown = now - last;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      return grown < 10 * MIB && now;
    });
  };
  const limit = (bytes: number) => container.update({ Memory: Math.round(bytes), MemorySwap: -1 });
  return {
    byDocker: () => restarted(() => container.restart({ t: 120 })),
    // Docker restarts a container that ends by itself.
    fromWithin: () => restarted(() => python(name, "import os; os.kill(1, 15)")),
    // Memory that is nearly used up, for the launcher to see; LiteLLM's start needs more.
    forMemory: () =>
      restarted(async () => {
        const before = await count("memory restart");
        try {
          // Beyond the share at which the launcher restarts it at once, and with room to work until it looks.
          await limit((await settledMemory()) / 0.83);
          await eventually(
            "the launcher restarts LiteLLM for its memory",
            60,
            async () => (await count("memory restart")) > before,
          );
        } finally {
          await limit(memoryMiB * MIB);
        }
      }),
    killed: () => restarted(() => python(name, "import os; os.kill(int(open('/tmp/litellm.pid').read()), 9)")),
  };
}
