import { createAdapter } from "./adapter.ts";
import { Child } from "./child.ts";
import { log } from "./log.ts";
import { keepSecret } from "./secrets.ts";
import type { UpstreamOptions } from "./upstream.ts";
import { readLock, readUrlVariables, readVariables, type Variables, withoutOwn, withoutProxies } from "./variables.ts";
import type { WayOut } from "./way-out.ts";

type Way = Pick<UpstreamOptions, "connect" | "again">;

function run(env: Variables, way: Way, wayOut?: WayOut): void {
  const { upstream, http, stop } = createAdapter({
    lock: readLock(env),
    upstream: {
      ...way,
      name: env.ADAPTER_SERVER,
      limits: { atOnce: env.ADAPTER_CALLS_AT_ONCE, waiting: env.ADAPTER_CALLS_WAITING },
    },
    sessions: {
      callSeconds: env.ADAPTER_CALL_SECONDS,
      toolSeconds: env.ADAPTER_TOOL_SECONDS,
      refusedSince: wayOut && ((since, about) => wayOut.refusedSince(since, about)),
    },
    http: { token: env.ADAPTER_TOKEN, questionBytes: env.ADAPTER_QUESTION_MIB * 2 ** 20 },
  });
  http.listen(env.ADAPTER_PORT, () => log("listening", { port: env.ADAPTER_PORT }));
  const end = () => {
    log("stopping", { running: upstream.requests.running });
    void stop().then(() => process.exit(0));
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, end);
}

/** A server over stdio, as a process of this program. */
function child(command: readonly string[], answerBytes: number, childEnv: NodeJS.ProcessEnv): Way {
  if (command.length === 0) throw new Error("no server to start: adapter.mjs serve <program> [argument…]");
  const options = { command, env: childEnv, lineBytes: answerBytes };
  return { connect: (events) => new Child(options, events), again: "started" };
}

/** One that asks for pages through this program alone. */
async function proxiedChild(env: Variables, lanAddresses: readonly string[]): Promise<void> {
  // Only when it is needed, as below.
  const { WayOut } = await import("./way-out.ts");
  const wayOut = new WayOut({ name: env.ADAPTER_SERVER, lanAddresses });
  const childEnv = { ...withoutProxies(process.env), ...(await wayOut.open()) };
  run(env, child(rest, answerBytes, childEnv), wayOut);
}

/** A server that runs elsewhere. */
async function remote(answerBytes: number): Promise<Way> {
  const env = readUrlVariables(process.env);
  for (const value of Object.values(env.ADAPTER_URL_HEADERS)) keepSecret(value);
  const options = {
    url: env.ADAPTER_URL,
    transport: env.ADAPTER_URL_TRANSPORT,
    headers: env.ADAPTER_URL_HEADERS,
    reach: { isPublic: env.ADAPTER_URL_PUBLIC === "true" },
    answerBytes,
  };
  // Only when it is needed: an adapter before a child has no use for the memory that clients of HTTP take.
  const { Remote } = await import("./remote.ts");
  return { connect: (events) => new Remote(options, events), again: "connected to" };
}

const [first, ...rest] = process.argv.slice(2);
const env = readVariables(process.env);
const answerBytes = env.ADAPTER_ANSWER_MIB * 2 ** 20;
if (first === "serve" && env.ADAPTER_LAN_ADDRESSES) await proxiedChild(env, env.ADAPTER_LAN_ADDRESSES);
else if (first === "serve") run(env, child(rest, answerBytes, withoutOwn(process.env)));
else if (first === "connect") run(env, await remote(answerBytes));
else throw new Error("adapter.mjs serve <program> [argument…], or adapter.mjs connect");
