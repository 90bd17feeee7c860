import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body as it came, for what is not text. */
  readonly bytes: Buffer;
}

/** What goes wrong with a stand-in, from now on. */
export interface Trouble {
  /** HTTP status that it answers with. */
  status?: number;
  /** How long it takes. */
  milliseconds?: number;
}

export interface Provider {
  /** Base URL, with the address that containers reach. */
  readonly url: string;
  readonly heard: Heard[];
  /** Empty: nothing goes wrong. */
  trouble: Trouble;
  close(): Promise<void>;
}

/** A server that keeps what it hears. */
export async function serve(
  address: string,
  answer: (heard: Heard, response: ServerResponse) => void,
): Promise<Provider> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      const one = { method: request.method!, path: request.url!, headers: request.headers, body: String(bytes), bytes };
      heard.push(one);
      const { status, milliseconds = 0 } = made.trouble;
      const respond = () => {
        if (status === undefined) answer(one, response);
        else
          response
            .writeHead(status, { "content-type": "application/json" })
            .end(JSON.stringify({ error: { message: "trouble", type: "trouble", code: status } }));
      };
      setTimeout(respond, milliseconds);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const made: Provider = {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    heard,
    trouble: {},
    close,
  };
  return made;
}

/** An address that no client may make the gateway ask. */
export const canaryAddress = (address: string): Promise<Provider> =>
  serve(address, (_heard, response) => response.end("{}"));

const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const responsesUsage = {
  input_tokens: 1,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 2,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 3,
};

/** What the stand-in says, in pieces, as a stream has them. */
export const SAID = ["Hello", " from", " the provider"];

/** The call that the stand-in's model makes, once, when it is offered a tool of that name. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly stream?: boolean;
  readonly input?: unknown;
  readonly messages?: readonly { readonly role: string }[];
  readonly tools?: readonly { readonly name?: string; readonly function?: { readonly name: string } }[];
}

/** Whether the model is to call: it has the tool, and no answer of the tool yet. */
function wants({ name }: ToolCall, { tools = [], messages = [], input }: Asked): boolean {
  const items = Array.isArray(input) ? (input as { type?: string }[]) : [];
  const answered =
    messages.some(({ role }) => role === "tool") || items.some(({ type }) => type === "function_call_output");
  return !answered && tools.some((tool) => (tool.function ?? tool).name === name);
}

/**
 * A STAND-IN for a provider with OpenAI's API. It keeps what LiteLLM sends, so that a secret that LiteLLM put into a
 * parameter is seen here even if the client's answer does not show it.
 */
export const provider = (address: string, toolCall?: ToolCall): Promise<Provider> =>
  serve(address, ({ path, body }, response) => {
    const asked = JSON.parse(body || "{}") as Asked;
    const called = toolCall && wants(toolCall, asked) ? toolCall : undefined;
    const json = (value: unknown) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    const events = (all: readonly { readonly type?: string }[], end = "") => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of all)
        response.write(`${event.type ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`);
      response.end(end);
    };
    if (path.endsWith("/embeddings")) {
      const count = Array.isArray(asked.input) ? asked.input.length : 1;
      return void json({
        object: "list",
        model: "m",
        data: Array.from({ length: count }, (_, index) => ({ object: "embedding", index, embedding: [0.25, -0.5] })),
        usage,
      });
    }
    if (path.endsWith("/responses")) {
      const item = called
        ? {
            type: "function_call",
            id: "fc_1",
            call_id: "call_1",
            name: called.name,
            arguments: JSON.stringify(called.arguments),
            status: "completed",
          }
        : {
            type: "message",
            id: "msg_1",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", annotations: [], text: SAID.join("") }],
          };
      const made = {
        id: "resp_1",
        object: "response",
        model: "m",
        created_at: 1,
        error: null,
        incomplete_details: null,
        instructions: null,
        metadata: {},
        parallel_tool_calls: true,
        temperature: 1,
        tool_choice: "auto",
        tools: [],
        top_p: 1,
      };
      const done = { ...made, status: "completed", output: [item], usage: responsesUsage };
      if (!asked.stream) return void json(done);
      const place = { item_id: item.id, output_index: 0 };
      const inText = { ...place, content_index: 0 };
      const pieces =
        item.arguments === undefined
          ? [
              {
                type: "response.content_part.added",
                ...inText,
                part: { type: "output_text", text: "", annotations: [] },
              },
              ...SAID.map((delta) => ({ type: "response.output_text.delta", ...inText, delta })),
              { type: "response.output_text.done", ...inText, text: SAID.join("") },
            ]
          : [
              { type: "response.function_call_arguments.delta", ...place, delta: item.arguments },
              { type: "response.function_call_arguments.done", ...place, arguments: item.arguments },
            ];
      const begun = { ...item, status: "in_progress", ...(called ? { arguments: "" } : { content: [] }) };
      return void events([
        { type: "response.created", response: { ...made, status: "in_progress", output: [] } },
        { type: "response.output_item.added", output_index: 0, item: begun },
        ...pieces,
        { type: "response.output_item.done", output_index: 0, item },
        { type: "response.completed", response: done },
      ] as { type: string }[]);
    }
    const made = { id: "chatcmpl-1", created: 1, model: "m" };
    const finish_reason = called ? "tool_calls" : "stop";
    const tool_calls = called && [
      {
        id: "call_1",
        type: "function",
        function: { name: called.name, arguments: JSON.stringify(called.arguments) },
      },
    ];
    if (!asked.stream) {
      const message = {
        role: "assistant",
        ...(tool_calls ? { content: null, tool_calls } : { content: SAID.join("") }),
      };
      return void json({
        ...made,
        object: "chat.completion",
        choices: [{ index: 0, finish_reason, message }],
        usage,
      });
    }
    const chunk = (delta: unknown, finished: string | null = null) => ({
      ...made,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, finish_reason: finished }],
    });
    events(
      [
        chunk({ role: "assistant", content: "" }),
        ...(tool_calls
          ? tool_calls.map((each, index) => chunk({ tool_calls: [{ index, ...each }] }))
          : SAID.map((content) => chunk({ content }))),
        chunk({}, finish_reason),
        { ...made, object: "chat.completion.chunk", choices: [], usage },
      ] as object[],
      "data: [DONE]\n\n",
    );
  });
