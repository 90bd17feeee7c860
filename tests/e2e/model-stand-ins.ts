import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Stand-ins for the models' providers: they play a model that calls one tool and then repeats what the tool answered.
 * Nothing in them knows an answer, so what a client prints at the end came through its own MCP client.
 */
export interface ModelStandIn {
  /** `http://<address>:<port>` */
  readonly url: string;
  /** Names of the tools that the client offered to the model, as the model sees them. */
  readonly offered: ReadonlySet<string>;
  /** Method and path of every request, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** The call the model makes: the first offered tool whose name matches. */
export interface Script {
  readonly tool: RegExp;
  readonly arguments: Record<string, unknown>;
}

/** An event of a stream; one that has a type is sent under it. */
type ServerSentEvent = Readonly<Record<string, unknown>>;

type Answer = (body: Record<string, any>, offered: Set<string>) => ServerSentEvent[];

/** Where a stand-in listens, and what it answers to a request without `stream`; without that, none comes. */
interface Way {
  readonly address?: string;
  readonly whole?: (events: readonly ServerSentEvent[]) => unknown;
}

/** @param path What is played; of all other paths it says that they are not. */
async function standIn(
  path: string | RegExp,
  answer: Answer,
  { address = "127.0.0.1", whole }: Way = {},
): Promise<ModelStandIn> {
  const isPlayed = (asked: string) => (typeof path === "string" ? asked === path : path.test(asked));
  const offered = new Set<string>();
  const requests: string[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== "POST" || !isPlayed(new URL(request.url!, "http://any").pathname)) {
      response
        .writeHead(404, { "content-type": "application/json" })
        .end(JSON.stringify({ type: "error", error: { type: "not_found_error", message: "not played here" } }));
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, any>;
    const events = answer(body, offered);
    // Google's API says it by its path.
    if (!body.stream && typeof path === "string") {
      if (!whole) throw new Error(`${path} was asked without stream`);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(whole(events)));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events)
      response.write(
        `${typeof event.type === "string" ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`,
      );
    response.end();
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    offered,
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}

/** Text of a tool's answer: a string, or parts with a text each. */
const textOf = (content: unknown): string =>
  typeof content === "string" ? content : (content as { text?: string }[]).map((part) => part.text ?? "").join("\n");

/** The message that the events of a stream make, as the same API answers without a stream. */
function wholeMessage([start, block, delta, , end]: readonly ServerSentEvent[]) {
  const content = { ...(block!.content_block as object) } as Record<string, unknown>;
  const piece = delta!.delta as { readonly text?: string; readonly partial_json?: string };
  if (piece.partial_json === undefined) content.text = piece.text;
  else content.input = JSON.parse(piece.partial_json);
  return { ...(start!.message as object), content: [content], ...(end!.delta as object) };
}

/**
 * Anthropic's Messages API: streamed, as Claude Code asks it, and whole, as a small program does.
 *
 * @param address Where it listens; containers reach that of the bridge.
 */
export const messagesApi = (script: Script, address?: string): Promise<ModelStandIn> =>
  standIn("/v1/messages", messagesAnswer(script), { ...(address && { address }), whole: wholeMessage });

const messagesAnswer =
  (script: Script): Answer =>
  ({ tools = [], messages, model }, offered) => {
    const names = (tools as { name: string }[]).map(({ name }) => name);
    for (const name of names) offered.add(name);
    const parts = (messages as { content: unknown }[]).flatMap(({ content }) =>
      Array.isArray(content) ? (content as { type: string; content?: unknown }[]) : [],
    );
    const result = parts.find(({ type }) => type === "tool_result");
    const tool = names.find((name) => script.tool.test(name));
    const call = tool !== undefined && !result;
    const block = call ? { type: "tool_use", id: "toolu_1", name: tool, input: {} } : { type: "text", text: "" };
    const delta = call
      ? { type: "input_json_delta", partial_json: JSON.stringify(script.arguments) }
      : { type: "text_delta", text: result ? textOf(result.content) : "no tool to call" };
    const usage = { input_tokens: 1, output_tokens: 1 };
    return [
      {
        type: "message_start",
        message: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage,
        },
      },
      { type: "content_block_start", index: 0, content_block: block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: call ? "tool_use" : "end_turn", stop_sequence: null }, usage },
      { type: "message_stop" },
    ];
  };

/** OpenAI's Responses API, streamed, as Codex asks it. */
export const responsesApi = (script: Script): Promise<ModelStandIn> =>
  standIn("/v1/responses", ({ tools = [], input, model }, offered) => {
    // A server's tools may come in a namespace: { type: namespace, name, tools }.
    const names = (tools as { type: string; name?: string; tools?: { name: string }[] }[]).flatMap(
      ({ name, tools: inner }) =>
        inner
          ? inner.map((tool) => ({ name: tool.name, namespace: name }))
          : [{ name: name ?? "", namespace: undefined }],
    );
    for (const { name, namespace } of names) offered.add(namespace ? `${namespace}/${name}` : name);
    const result = (input as { type: string; output?: unknown }[]).find(({ type }) => type === "function_call_output");
    const tool = names.find(({ name }) => script.tool.test(name));
    const item =
      tool && !result
        ? {
            type: "function_call",
            id: "fc_1",
            call_id: "call_1",
            ...tool,
            arguments: JSON.stringify(script.arguments),
            status: "completed",
          }
        : {
            type: "message",
            id: "msg_1",
            role: "assistant",
            status: "completed",
            content: [
              { type: "output_text", annotations: [], text: result ? textOf(result.output) : "no tool to call" },
            ],
          };
    const response = { id: "resp_1", object: "response", model, created_at: 0 };
    const usage = {
      input_tokens: 1,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 2,
    };
    return [
      { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
    ];
  });

/** Google's Gemini API, as Gemini CLI asks it. */
export const geminiApi = (script: Script): Promise<ModelStandIn> =>
  standIn(/^\/v1beta\/models\/[^/]+:streamGenerateContent$/, ({ tools = [], contents }, offered) => {
    const names = (tools as { functionDeclarations?: { name: string }[] }[]).flatMap(({ functionDeclarations = [] }) =>
      functionDeclarations.map(({ name }) => name),
    );
    for (const name of names) offered.add(name);
    const result = (contents as { parts: { functionResponse?: { response: unknown } }[] }[])
      .flatMap(({ parts }) => parts)
      .find(({ functionResponse }) => functionResponse);
    const tool = names.find((name) => script.tool.test(name));
    const part =
      tool !== undefined && !result
        ? { functionCall: { name: tool, args: script.arguments } }
        : { text: result ? JSON.stringify(result.functionResponse!.response) : "no tool to call" };
    return [
      {
        candidates: [{ index: 0, content: { role: "model", parts: [part] }, finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      },
    ];
  });

/**
 * OpenAI's chat completions, as LiteLLM asks a provider, with a stream and without.
 *
 * @param address Of this machine, as the gateway's container reaches it.
 */
export const chatCompletionsApi = (script: Script, address: string): Promise<ModelStandIn> => {
  const made = { id: "chatcmpl-1", created: 0, model: "m" };
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  return standIn(
    "/v1/chat/completions",
    ({ tools = [], messages }, offered) => {
      const names = (tools as { function: { name: string } }[]).map((tool) => tool.function.name);
      for (const name of names) offered.add(name);
      const result = (messages as { role: string; content: unknown }[]).find(({ role }) => role === "tool");
      const tool = names.find((name) => script.tool.test(name));
      const call = tool !== undefined && !result;
      const named = { name: tool, arguments: JSON.stringify(script.arguments) };
      const delta = call
        ? {
            role: "assistant",
            content: null,
            tool_calls: [{ index: 0, id: "call_1", type: "function", function: named }],
          }
        : { role: "assistant", content: result ? textOf(result.content) : "no tool to call" };
      const finish_reason = call ? "tool_calls" : "stop";
      const choices = [{ index: 0, delta, finish_reason }];
      return [{ ...made, object: "chat.completion.chunk", choices, usage }];
    },
    {
      address,
      whole: ([event]) => {
        const [{ delta: message, finish_reason }] = event!.choices as [{ delta: unknown; finish_reason: string }];
        return { ...made, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage };
      },
    },
  );
};
