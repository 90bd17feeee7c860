import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TestContext } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { schemaHash, type ToolLock } from "../approval/tool-lock.ts";
import { createAdapter, type AdapterOptions } from "./adapter.ts";
import { Child } from "./child.ts";
import type { Connect } from "./link.ts";
import type { Json } from "./messages.ts";

export const TOKEN = "token-of-the-tests-0123456789";
export const standIn = path.join(import.meta.dirname, "stand-in-server.ts");

/** As an example: the schema that every tool of the stand-in has. */
export const inputSchema = { type: "object", properties: { text: { type: "string" } } };

export interface Told {
  readonly standIn?: Json;
  readonly lock?: AdapterOptions["lock"];
  /** In place of the stand-in as a child. */
  readonly link?: Connect;
  readonly command?: readonly string[];
  readonly lineBytes?: number;
  readonly upstream?: Partial<AdapterOptions["upstream"]>;
  readonly sessions?: Partial<AdapterOptions["sessions"]>;
  readonly http?: Partial<AdapterOptions["http"]>;
}

/** An adapter before the stand-in, with short times; it and its clients end with the test. */
export async function adapterFor(test: TestContext, told: Told = {}) {
  const child = {
    command: told.command ?? [process.execPath, standIn],
    env: { PATH: process.env.PATH, STAND_IN: JSON.stringify(told.standIn ?? {}) },
    lineBytes: told.lineBytes ?? 16 * 2 ** 20,
    graceMs: 300,
  };
  const adapter = createAdapter({
    lock: told.lock ?? "everything",
    upstream: {
      name: "example",
      connect: told.link ?? ((events) => new Child(child, events)),
      again: told.link ? "connected to" : "started",
      limits: { atOnce: 64, waiting: 2_000 },
      firstPauseMs: 50,
      longestPauseMs: 400,
      pingEverySeconds: 0.2,
      pingSeconds: 5,
      ...told.upstream,
    },
    sessions: { callSeconds: 20, toolSeconds: {}, ...told.sessions },
    http: { token: TOKEN, questionBytes: 2 ** 20, ...told.http },
  });
  test.after(adapter.stop);
  await new Promise<void>((resolve) => adapter.http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(adapter.http.address() as AddressInfo).port}`;
  const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };

  const connect = async (transport: "sse" | "http" = "sse"): Promise<Client> => {
    const client = new Client({ name: "test", version: "1" });
    await client.connect(
      transport === "sse"
        ? new SSEClientTransport(new URL(`${url}/sse`), { requestInit })
        : new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }),
    );
    test.after(() => client.close());
    return client;
  };
  const isUp = () => until(() => adapter.upstream.state === "up", "the server is up");
  return { ...adapter, url, connect, isUp };
}

/** Waits until it is so, or fails with what was waited for. */
export async function until(is: () => boolean | Promise<boolean>, what: string, withinMs = 15_000): Promise<void> {
  for (const late = performance.now() + withinMs; !(await is()); await pause(10))
    if (performance.now() > late) throw new Error(`not within ${withinMs} ms: ${what}`);
}

/** Calls a tool of the stand-in; its text, as a model would read it. */
export async function say(client: Client, name: string, args: Json = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args });
  return (content as { text: string }[]).map(({ text }) => text).join("");
}

export const lockOf = (
  tools: readonly { name: string; description?: string | undefined; inputSchema: unknown }[],
): ToolLock =>
  Object.fromEntries(
    tools.map(({ name, description = "", inputSchema: schema }) => [
      name,
      { description, inputSchema: schemaHash(schema) },
    ]),
  );

/** The lock of some of the stand-in's usual tools. */
export const usualLock = (...names: string[]) =>
  lockOf(names.map((name) => ({ name, description: `Does ${name}`, inputSchema })));
