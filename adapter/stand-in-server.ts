// Stand-in for an MCP server over stdio that misbehaves when it is told to: by `STAND_IN` (JSON) from its start, or by a call.
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

/** What a test sends; it is not the stand-in that has to be protected. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Anything = any;

const told: Anything = JSON.parse(process.env.STAND_IN ?? "{}");
const schema = { type: "object", properties: { text: { type: "string" } } };
const usual = [
  "echo",
  "sleep",
  "block",
  "crash",
  "raw",
  "list",
  "storm",
  "stderr",
  "big",
  "progress",
  "ask",
  "heard",
  "log",
  "own",
  "reply",
  "exact",
  "line",
].map((name) => ({ name, description: `Does ${name}`, inputSchema: schema }));
const wide = Array.from({ length: told.tools10k ? 10_000 : 0 }, (_, at) => ({
  name: `tool${at}`,
  description: `Tool ${at}`,
  inputSchema: { type: "object" },
}));
/** A description that no variable of a process would hold. */
const long = told.longDescription
  ? [{ name: "long", description: "x".repeat(told.longDescription), inputSchema: schema }]
  : [];
let tools = [...usual, ...wide, ...long, ...(told.tools ?? [])];
let listings = 0;
const heard: Record<string, number> = {};
const called: string[] = [];
const cancelled: unknown[] = [];
const asked = new Map<unknown, (answer: unknown) => void>();

if (told.ignoreSigterm) process.on("SIGTERM", () => {});
if (told.ignoreEof) setInterval(() => {}, 1_000);
if (told.exitAtOnce) process.exit(3);

const raw = (text: string) => writeSync(1, text);
const line = (message: object) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
const send = (message: object) => process.stdout.write(line(message));
const text = (value: unknown) => ({
  content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
});
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const calls: Record<string, (args: Anything, meta: Anything, id: number, line: string) => Anything> = {
  echo: ({ text: said }) => text(said),
  sleep: async ({ ms, text: said }) => (await pause(ms), text(said ?? "slept")),
  block: ({ ms }) => {
    for (const end = Date.now() + ms; Date.now() < end;);
    return text("blocked");
  },
  crash: () => process.exit(7),
  // With its answer in one piece, or the answer to something else comes between them.
  raw: ({ raw: said }, _meta, id) => void raw(`${said}${line({ id, result: text("said") })}`),
  list: ({ tools: changed, quiet }) => {
    tools = changed ? [...usual, ...changed] : usual;
    if (!quiet) send({ method: "notifications/tools/list_changed" });
    return text("changed");
  },
  storm: ({ times }) => {
    for (let at = 0; at < times; at++) send({ method: "notifications/tools/list_changed" });
    return text("stormed");
  },
  stderr: async ({ mib, unbroken }) => {
    const line = `${"x".repeat(1_023)}${unbroken ? "x" : "\n"}`.repeat(1_024);
    for (let at = 0; at < mib; at++)
      if (!process.stderr.write(line)) await new Promise((done) => process.stderr.once("drain", done));
    return text("written");
  },
  big: ({ bytes }) => text("x".repeat(bytes)),
  progress: async ({ steps, text: said }, meta) => {
    for (let at = 1; at <= steps; at++) {
      send({
        method: "notifications/progress",
        params: { progressToken: meta?.progressToken, progress: at, message: said },
      });
      // The SDK's client forgets whom to tell when the answer comes in the same moment.
      await pause(20);
    }
    return text(said);
  },
  ask: ({ method }) =>
    new Promise((resolve) => {
      asked.set("mine", (answer) => resolve(text(answer)));
      send({ id: "mine", method, params: {} });
    }),
  heard: () => text({ heard, called, cancelled, pid: process.pid, env: Object.keys(process.env) }),
  log: ({ level, text: data }) => (send({ method: "notifications/message", params: { level, data } }), text("logged")),
  own: ({ method, params }) => (send({ method, params }), text("told")),
  reply: ({ reply }) => reply,
  exact: ({ result }, _meta, id) => void raw(`{"jsonrpc":"2.0","id":${id},"result":${result}}\n`),
  line: (_args, _meta, _id, line) => text(line),
  fail: ({ error }, _meta, id) => void send({ id, error }),
};

async function answer({ id, method, params = {} }: Anything, line: string): Promise<object | undefined> {
  switch (method) {
    case "initialize": {
      if (told.refuseNewer && params.protocolVersion > "2025-03-26")
        return { error: { code: -32602, message: "too new" } };
      await pause(told.initializeMs ?? 0);
      const capabilities = { tools: {}, logging: {}, resources: { subscribe: true }, tasks: {} };
      const serverInfo = { name: "stand-in", version: "1" };
      return {
        result: { protocolVersion: params.protocolVersion, capabilities, serverInfo, instructions: "Be kind." },
      };
    }
    case "tools/list": {
      if (params.cursor === undefined) listings += 1;
      // Each time as the other time it was not.
      if (told.flickers && listings % 2 === 0) return { result: { tools: [...usual, ...told.flickers] } };
      const from = Number(params.cursor ?? 0);
      const to = from + (told.pageSize ?? 1_000_000);
      return { result: { tools: tools.slice(from, to), ...(to < tools.length && { nextCursor: String(to) }) } };
    }
    case "tools/call": {
      called.push(params.name);
      const call = calls[params.name];
      if (!call) return { result: text(`called ${params.name}`) };
      const result = await call(params.arguments ?? {}, params._meta, id, line);
      return !result || cancelled.includes(id) ? undefined : { result };
    }
    case "resources/subscribe":
    case "resources/unsubscribe":
    case "logging/setLevel":
    case "ping":
      return { result: {} };
    default:
      return { error: { code: -32601, message: `no ${method}` } };
  }
}

async function hear(line: string): Promise<void> {
  const message = JSON.parse(line);
  if (message.method === undefined) return asked.get(message.id)?.(message);
  heard[message.method] = (heard[message.method] ?? 0) + 1;
  if (message.method === "notifications/cancelled") cancelled.push(message.params.requestId);
  if (message.id === undefined) return;
  const answered = await answer(message, line);
  if (answered) send({ id: message.id, ...answered });
}

createInterface({ input: process.stdin }).on("line", (line) => void hear(line));
