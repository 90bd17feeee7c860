// Compares two deployed gateways, for instance of two commits, call by call in turns, so that whatever else the machine does
// meets both: node tests/bench/pairs.ts, with A and B in the environment as JSON, {"url", "key", "prefix"} each; `url` is
// http://127.0.0.1:4000/mcp/, `prefix` the stack's namePrefix. Both on this machine's Docker, nobody else calling.
// Prints medians, ratios (B to A), and of what stands before the server `time` its processor time a call and its memory.
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as z from "zod";
import { docker } from "../e2e/docker.ts";

const CALLS = 400;
const WARM_UP = 40;
const LISTINGS = 25;
/** The kernel counts processor time in these. */
const TICKS_A_SECOND = 100;

const side = z.object({ url: z.url(), key: z.string(), prefix: z.string() });
const given = z.object({ A: z.string(), B: z.string() }).parse(process.env);
const sides = [given.A, given.B].map((text) => side.parse(JSON.parse(text)));

type Side = z.infer<typeof side>;

async function connected({ url, key }: Side): Promise<Client> {
  const client = new Client({ name: "bench", version: "1" });
  const headers = { authorization: `Bearer ${key}`, "cache-control": "no-cache" };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

async function timed(use: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await use();
  return performance.now() - began;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/** What stands before the server: not the server's own process, which is the same on both sides. */
async function wrapperOf({ prefix }: Side): Promise<number> {
  const { Titles, Processes } = (await docker.getContainer(`${prefix}mcp-time`).top({ ps_args: "-eo pid,args" })) as {
    Titles: string[];
    Processes: string[][];
  };
  const pids = Processes.filter((row) => {
    const args = row[Titles.indexOf("COMMAND")]!;
    return /^\S*(node|python3?) .*(adapter\.mjs|mcp-proxy)/.test(args);
  }).map((row) => Number(row[Titles.indexOf("PID")]));
  if (pids.length !== 1) throw new Error(`${prefix}mcp-time: ${pids.length} processes look like what stands before it`);
  return pids[0]!;
}

/** In milliseconds, its own and that of children that have ended. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND) * 1_000;
}

const anonymousMiB = (pid: number) =>
  Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

const clients = await Promise.all(sides.map(connected));
const call = (client: Client) =>
  client.callTool({ name: "time-get_current_time", arguments: { timezone: "UTC" } }).then(({ isError }) => {
    if (isError) throw new Error("the call failed");
  });
for (let n = 0; n < WARM_UP; n += 1) for (const client of clients) await call(client);

const pids = await Promise.all(sides.map(wrapperOf));
const before = pids.map(cpuOf);
const calls: number[][] = [[], []];
// The one that comes first changes from round to round.
for (let n = 0; n < CALLS; n += 1)
  for (const at of n % 2 ? [0, 1] : [1, 0]) calls[at]!.push(await timed(() => call(clients[at]!)));
const cpu = pids.map((pid, at) => (cpuOf(pid) - before[at]!) / CALLS);

const listings: number[][] = [[], []];
for (let n = 0; n < LISTINGS; n += 1)
  for (const at of n % 2 ? [0, 1] : [1, 0]) {
    // The ingress makes such listings a second apart.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    listings[at]!.push(await timed(() => clients[at]!.listTools()));
  }
for (const client of clients) await client.close();

const row = (what: string, [a = 0, b = 0]: readonly number[], unit: string) =>
  console.log(`${what.padEnd(46)} ${a.toFixed(2)} → ${b.toFixed(2)} ${unit}   ratio ${(b / a).toFixed(3)}`);
row(`call through the gateway, median of ${CALLS}`, calls.map(median), "ms");
row(`fresh tools/list, median of ${LISTINGS}`, listings.map(median), "ms");
row("processor time a call before the server", cpu, "ms");
row("anonymous memory before the server", pids.map(anonymousMiB), "MiB");
