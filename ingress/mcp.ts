import { createParser } from "eventsource-parser";
import { z } from "zod";
import type { Audit, AuditedCall } from "./audit.ts";
import { type Diagnosis, explain } from "./diagnosis.ts";
import { Away } from "./gate.ts";
import { hasBrokenOff, type LiteLlm, type LiteLlmAnswer } from "./litellm.ts";
import { Refusal } from "./refusal.ts";
import { findSensitive, type Sensitive } from "../lib/sensitive.ts";
import { type ClientRights, refusalOf, type Rights, splitName } from "./rights.ts";
import { isListed, messageIn, NotListed, type ToolList, visibleTools } from "./tools.ts";

const id = z.union([z.string().max(256), z.number().int()]);
const meta = z.record(z.string(), z.unknown());
const progressToken = z.union([z.string().max(256), z.number()]);
const message = z.discriminatedUnion("method", [
  z.strictObject({
    jsonrpc: z.literal("2.0"),
    id,
    method: z.literal("initialize"),
    params: z.looseObject({ protocolVersion: z.string().regex(/^\d{4}-\d{2}-\d{2}$/) }),
  }),
  z.strictObject({ jsonrpc: z.literal("2.0"), id, method: z.literal("ping"), params: z.looseObject({}).optional() }),
  z.strictObject({
    jsonrpc: z.literal("2.0"),
    id,
    method: z.literal("tools/list"),
    params: z.strictObject({ _meta: meta.optional() }).optional(),
  }),
  z.strictObject({
    jsonrpc: z.literal("2.0"),
    id,
    method: z.literal("tools/call"),
    params: z.strictObject({
      name: z.string().max(512),
      arguments: z.record(z.string(), z.unknown()).optional(),
      _meta: meta.optional(),
    }),
  }),
]);
const METHODS: readonly string[] = message.options.map(({ shape }) => shape.method.value);
const notification = z.strictObject({
  jsonrpc: z.literal("2.0"),
  method: z.string().regex(/^notifications\/[a-z_/]+$/),
  params: z.looseObject({}).optional(),
});

type Message = z.infer<typeof message>;

/** What a handler of MCP requests works with. */
export interface McpContext {
  readonly litellm: LiteLlm;
  readonly tools: ToolList;
  readonly audit: Audit;
  readonly diagnosis: Diagnosis;
  readonly rights: Rights;
  /** A call with one of these in its arguments is refused. */
  readonly refused?: readonly Sensitive[];
}

/** Who asks, by which address, about which servers. */
export interface McpCaller {
  readonly client: ClientRights;
  readonly key: string;
  readonly address: string;
  readonly route: string;
  readonly servers: readonly string[];
  /** The client wants a listing that begins now or later. */
  readonly newer: boolean;
}

export type JsonRpcId = string | number;
type Json = Readonly<Record<string, unknown>>;

/**
 * A message, checked.
 *
 * @returns undefined for a notification: LiteLLM keeps no sessions, so there is nobody to tell.
 * @throws Refusal
 */
export function parseMessage(body: unknown): Message | undefined {
  if (Array.isArray(body))
    throw new Refusal(400, "bad request", "one JSON-RPC message a request; batches are not taken");
  const parsed = message.safeParse(body);
  if (parsed.success) return parsed.data;
  if (notification.safeParse(body).success) return undefined;
  const { method } = (body ?? {}) as { method?: unknown };
  const issue = parsed.error.issues[0]!;
  const where = [...issue.path, ...(issue.code === "unrecognized_keys" ? issue.keys : [])].join(".");
  if (typeof method === "string" && !METHODS.includes(method))
    throw new UnknownMethod(method.slice(0, 100), idOf(body));
  throw new Refusal(400, "bad request", `not a message of MCP: ${where ? `${where}: ` : ""}${issue.message}`);
}

/** A method that MCP may have, but this gateway has not; answered with the protocol's own error. */
export class UnknownMethod extends Error {
  readonly id: JsonRpcId | null;

  constructor(method: string, id: JsonRpcId | null) {
    super(`Method not found: ${method}`);
    this.id = id;
  }
}

export function idOf(body: unknown): JsonRpcId | null {
  const parsed = id.safeParse((body as { id?: unknown } | null)?.id);
  return parsed.success ? parsed.data : null;
}

/** Answers of `initialize` are the same for everyone: kept, so that a client that connects costs LiteLLM nothing. */
const INITIALIZE_FRESH_MS = 60_000;
/**
 * Versions of the protocol that clients speak, the newest last. To one that it does not know LiteLLM answers with its
 * own newest.
 */
const VERSIONS: readonly string[] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/**
 * For this long a list is good enough to say that a tool does not exist: otherwise each call of a missing tool would
 * make LiteLLM list again.
 */
const UNLISTED_FRESH_MS = 1_000;
const initialized = new Map<string, { readonly result: Json; readonly at: number }>();

/** Answers one message; `onNotification` gets what LiteLLM sends before the answer, such as progress. */
export async function answer(
  context: McpContext,
  caller: McpCaller,
  asked: Message,
  onNotification: (message: Json) => void,
): Promise<Json> {
  switch (asked.method) {
    case "ping":
      return { jsonrpc: "2.0", id: asked.id, result: {} };
    case "initialize":
      return { jsonrpc: "2.0", id: asked.id, result: await initialize(context, caller, asked.params.protocolVersion) };
    case "tools/list": {
      const tools = visibleTools(await listed(context, { newer: caller.newer }), caller.client, caller.servers);
      return { jsonrpc: "2.0", id: asked.id, result: { tools } };
    }
    case "tools/call": {
      const { name, arguments: args = {}, _meta } = asked.params;
      const token = progressToken.safeParse(_meta?.["progressToken"]);
      const result = await callTool(context, caller, name, args, {
        onNotification,
        ...(token.success && { progressToken: token.data }),
      });
      return { jsonrpc: "2.0", id: asked.id, result };
    }
  }
}

/** @throws Refusal */
async function listed({ tools }: McpContext, wanted: Parameters<ToolList["get"]>[0] | "last") {
  try {
    return wanted === "last" ? await tools.last() : await tools.get(wanted);
  } catch (error) {
    if (error instanceof NotListed) throw new Refusal(502, "no list", `the tools cannot be listed: ${error.message}`);
    throw asRefusal(error);
  }
}

async function initialize(
  { litellm, diagnosis }: McpContext,
  { client, key }: McpCaller,
  wanted: string,
): Promise<Json> {
  // A client may write any date; with each LiteLLM would be asked again, and mcp 1.10.1 keeps some of every request for
  // ever.
  const protocolVersion = VERSIONS.includes(wanted) ? wanted : VERSIONS.at(-1)!;
  const kept = initialized.get(protocolVersion);
  if (kept && Date.now() - kept.at < INITIALIZE_FRESH_MS) return kept.result;
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: "ingress", version: "1.0.0" } };
  const { result } = await ask(
    litellm,
    diagnosis,
    client,
    key,
    { jsonrpc: "2.0", id: 1, method: "initialize", params },
    true,
  );
  // Only tools get through this gateway, so nothing else that LiteLLM can do is announced.
  const announced = { ...(result as Json), capabilities: { tools: { listChanged: false } } };
  initialized.set(protocolVersion, { result: announced, at: Date.now() });
  return announced;
}

/** Sends a JSON-RPC message to LiteLLM and returns its answer. */
async function ask(
  litellm: LiteLlm,
  diagnosis: Diagnosis,
  client: ClientRights,
  key: string,
  body: Json,
  repeatable: boolean,
  onNotification?: (message: Json) => void,
): Promise<Json> {
  const answered = await litellm.ask({
    method: "POST",
    path: "/mcp/",
    key,
    headers: { accept: "application/json, text/event-stream" },
    body,
    repeatable,
  });
  if (answered.status !== 200) throw await explain(diagnosis, client, key, answered);
  return (await read(answered, onNotification)) as Json;
}

async function read(
  { headers, body }: LiteLlmAnswer,
  onNotification: ((message: Json) => void) | undefined,
): Promise<unknown> {
  if (!String(headers["content-type"]).startsWith("text/event-stream")) return messageIn(await body.text());
  let last: unknown;
  const parser = createParser({
    onEvent: ({ data }) => {
      const sent = JSON.parse(data) as Json;
      if ("id" in sent && !("method" in sent)) last = sent;
      else if (!("id" in sent)) onNotification?.(sent);
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) parser.feed(decoder.decode(chunk as Buffer, { stream: true }));
  return last;
}

export interface CallOptions {
  readonly onNotification?: (message: Json) => void;
  readonly progressToken?: string | number;
}

/** A result that says why there is none: models read results, and only people read errors of the protocol. */
const failure = (text: string): Json => ({ content: [{ type: "text", text: `Error: ${text}` }], isError: true });

/** LiteLLM 1.77 reports most failures as ordinary text. */
const FAILED = /^(Error\b|MCP client session is not initialized)/;
const NOT_CONNECTED = /^MCP client session is not initialized/;

/** Checks, records, sends and records again one call of a tool; the MCP route and the models' calls share it. */
export async function callTool(
  context: McpContext,
  caller: McpCaller,
  name: string,
  args: Json,
  options: CallOptions = {},
): Promise<Json> {
  const { client, key, address, route } = caller;
  const parts = splitName(name);
  const known = parts !== undefined && context.rights.servers.some((server) => server.name === parts.server);
  const call: AuditedCall = {
    client: client.name,
    address,
    server: known ? parts.server : "",
    tool: known ? parts.tool : name,
    arguments: args,
    route,
  };
  const refused = !known
    ? `there is no tool ${name}: names are <server>-<tool>, as tools/list has them`
    : (refusalOf(client, caller.servers, parts.server, parts.tool) ?? sensitiveIn(args, context.refused ?? []));
  if (refused) {
    context.audit.refusedCall(call, refused);
    return failure(refused);
  }
  let tools = await listed(context, "last");
  // Not in the list: the server may have come back since. LiteLLM never hears a name that no server lists.
  if (!isListed(tools, context.rights, name)) tools = await listed(context, { freshMs: UNLISTED_FRESH_MS });
  if (!isListed(tools, context.rights, name)) {
    const reason = tools.some((tool) => splitName(tool.name)?.server === call.server)
      ? `server ${call.server} has no tool ${call.tool}`
      : `server ${call.server} does not answer: it lists no tools now`;
    context.audit.refusedCall(call, reason);
    return failure(reason);
  }
  const ended = await context.audit.call(call).catch((error: Error) => {
    throw new Refusal(503, "no audit", `the call was not made: its audit line cannot be written (${error.message})`);
  });
  const params = {
    name,
    arguments: args,
    ...(options.progressToken !== undefined && { _meta: { progressToken: options.progressToken } }),
  };
  try {
    const { result, error } = await ask(
      context.litellm,
      context.diagnosis,
      client,
      key,
      { jsonrpc: "2.0", id: 1, method: "tools/call", params },
      false,
      options.onNotification,
    );
    const given =
      result === undefined ? failure(`LiteLLM answered ${JSON.stringify(error).slice(0, 500)}`) : (result as Json);
    const text = textOf(given);
    const away = NOT_CONNECTED.test(text);
    const shown = away ? failure(`server ${call.server} does not answer`) : given;
    const failed = away || given["isError"] === true || FAILED.test(text);
    ended(failed ? "failed" : "answered", {
      result: given["content"],
      ...(failed && { reason: text.slice(0, 300) }),
    });
    return shown;
  } catch (error) {
    const refusal = asRefusal(error);
    ended(hasBrokenOff(error) ? "lost" : "failed", {
      reason: refusal instanceof Error ? refusal.message : String(refusal),
    });
    throw refusal;
  }
}

function sensitiveIn(args: Json, kinds: readonly Sensitive[]): string | undefined {
  const kind = findSensitive(args, kinds);
  return kind && `its arguments have what this gateway lets no tool have: ${kind} (litellm-mcp:guard.refuse)`;
}

export const textOf = ({ content }: Json): string =>
  Array.isArray(content)
    ? content
        .map((part: { text?: unknown; type?: unknown }) =>
          typeof part.text === "string" ? part.text : `[${String(part.type)}]`,
        )
        .join("\n")
    : "";

/** What a client is told while LiteLLM is away. */
export function asRefusal(error: unknown): unknown {
  if (error instanceof Away)
    return new Refusal(503, "away", "LiteLLM did not come back in time; the request was not sent");
  if (hasBrokenOff(error))
    return new Refusal(
      502,
      "broken off",
      "LiteLLM ended while it worked on the request; whether it was carried out is not known",
    );
  if ((error as NodeJS.ErrnoException).code === "UND_ERR_RES_EXCEEDED_MAX_SIZE")
    return new Refusal(502, "answer too large", "the answer is larger than 48 MiB and was thrown away");
  return error;
}
