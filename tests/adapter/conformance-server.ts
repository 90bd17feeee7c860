// The server that @modelcontextprotocol/conformance asks for: tools, resources and prompts of the names that its scenarios use, each
// with the answer that they want. Over stdio, streamable HTTP or SSE: `node conformance-server.ts
// stdio | http PORT [ADDRESS] | sse PORT`.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import * as schemas from "@modelcontextprotocol/sdk/types.js";

type Arguments = Readonly<Record<string, string>>;

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
const text = (said: string) => ({ type: "text" as const, text: said });
const image = { type: "image" as const, data: PNG, mimeType: "image/png" };
const resource = (uri: string, said: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: said },
});

const oneText = (name: string) => ({
  type: "object" as const,
  properties: { [name]: { type: "string", description: "A text" } },
  required: [name],
});
const NOTHING = { type: "object" as const, properties: {} };

/** Keywords that a program which rebuilds a schema would lose. */
const WIDE_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object" as const,
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

const ENUMS = {
  untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
  titledSingle: {
    type: "string",
    oneOf: ["First", "Second", "Third"].map((title, at) => ({ const: `value${at + 1}`, title: `${title} Option` })),
  },
  legacyEnum: {
    type: "string",
    enum: ["opt1", "opt2", "opt3"],
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: {
    type: "array",
    minItems: 1,
    maxItems: 3,
    items: { type: "string", enum: ["option1", "option2", "option3"] },
  },
  titledMulti: {
    type: "array",
    minItems: 1,
    maxItems: 3,
    items: {
      anyOf: ["First", "Second", "Third"].map((title, at) => ({ const: `value${at + 1}`, title: `${title} Choice` })),
    },
  },
};
const DEFAULTS = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};

/** What a tool has of its request. */
interface Asked {
  readonly args: Arguments;
  readonly progressToken: string | number;
  readonly notify: (method: string, params: object) => Promise<void>;
  readonly ask: (method: string, params: object) => Promise<Record<string, unknown>>;
  readonly closeStream: () => void;
}

const elicit = async ({ ask }: Asked, message: string, properties: object, required: readonly string[] = []) => {
  const said = await ask("elicitation/create", { message, requestedSchema: { type: "object", properties, required } });
  return [text(`action=${String(said.action)}, content=${JSON.stringify(said.content ?? {})}`)];
};

const tools: Readonly<
  Record<string, { readonly schema?: typeof NOTHING; readonly call: (asked: Asked) => Promise<readonly object[]> }>
> = {
  test_simple_text: { call: async () => [text("This is a simple text response for testing.")] },
  test_image_content: { call: async () => [image] },
  test_audio_content: { call: async () => [{ type: "audio", data: WAV, mimeType: "audio/wav" }] },
  test_embedded_resource: { call: async () => [resource("test://embedded-resource", "An embedded resource.")] },
  test_multiple_content_types: {
    call: async () => [text("Several:"), image, resource("test://mixed-content-resource", '{"test":"data"}')],
  },
  test_tool_with_logging: {
    call: async ({ notify }) => {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await notify("notifications/message", { level: "info", data });
        await pause(50);
      }
      return [text("logged")];
    },
  },
  test_tool_with_progress: {
    call: async ({ notify, progressToken }) => {
      for (const progress of [0, 50, 100]) {
        await notify("notifications/progress", { progressToken, progress, total: 100 });
        await pause(50);
      }
      return [text(String(progressToken))];
    },
  },
  test_error_handling: {
    call: async () => {
      throw new Error("This tool intentionally returns an error for testing");
    },
  },
  test_reconnection: {
    call: async ({ closeStream }) => {
      closeStream();
      await pause(100);
      return [text("The stream was closed, and this is the answer.")];
    },
  },
  test_sampling: {
    schema: oneText("prompt"),
    call: async ({ ask, args }) => {
      const messages = [{ role: "user", content: text(args.prompt!) }];
      const { content } = await ask("sampling/createMessage", { messages, maxTokens: 100 });
      return [text(`LLM response: ${(content as { text: string }).text}`)];
    },
  },
  test_elicitation: {
    schema: oneText("message"),
    call: (asked) => elicit(asked, asked.args.message!, { response: { type: "string" } }, ["response"]),
  },
  test_elicitation_sep1034_defaults: { call: (asked) => elicit(asked, "Fields with defaults", DEFAULTS) },
  test_elicitation_sep1330_enums: { call: (asked) => elicit(asked, "Fields with enums", ENUMS) },
  json_schema_2020_12_tool: { schema: WIDE_SCHEMA, call: async ({ args }) => [text(JSON.stringify(args))] },
};

const resources: Readonly<
  Record<string, { readonly mimeType: string; readonly text?: string; readonly blob?: string }>
> = {
  "test://static-text": { mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { mimeType: "image/png", blob: PNG },
  "test://watched-resource": { mimeType: "text/plain", text: "Watched resource content" },
};
const TEMPLATE = /^test:\/\/template\/(.*)\/data$/;

const prompts: Readonly<
  Record<string, { readonly args?: readonly string[]; readonly say: (args: Arguments) => readonly object[] }>
> = {
  test_simple_prompt: { say: () => [text("This is a simple prompt for testing.")] },
  test_prompt_with_arguments: {
    args: ["arg1", "arg2"],
    say: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    args: ["resourceUri"],
    say: ({ resourceUri }) => [resource(resourceUri!, "Embedded resource content for testing."), text("Read it.")],
  },
  test_prompt_with_image: { say: () => [image, text("Please analyze the image above.")] },
};

function conformanceServer(closeStream: (id: schemas.RequestId) => void = () => {}): Server {
  const server = new Server(
    { name: "conformance", version: "1" },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
    },
  );
  server.setRequestHandler(schemas.ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, { schema = NOTHING }]) => ({
      name,
      description: `For the scenario of ${name}`,
      inputSchema: schema,
    })),
  }));
  server.setRequestHandler(schemas.CallToolRequestSchema, async ({ params }, extra) => {
    const asked: Asked = {
      args: (params.arguments ?? {}) as Arguments,
      progressToken: params._meta?.progressToken ?? 0,
      notify: (method, said) => extra.sendNotification({ method, params: said } as schemas.ServerNotification),
      ask: (method, said) => extra.sendRequest({ method, params: said } as schemas.ServerRequest, schemas.ResultSchema),
      closeStream: () => closeStream(extra.requestId),
    };
    const tool = tools[params.name];
    if (!tool) throw new schemas.McpError(schemas.ErrorCode.InvalidParams, `no tool ${params.name}`);
    try {
      return { content: await tool.call(asked) };
    } catch (error) {
      return { content: [text((error as Error).message)], isError: true };
    }
  });
  server.setRequestHandler(schemas.ListResourcesRequestSchema, () => ({
    resources: Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri, mimeType })),
  }));
  server.setRequestHandler(schemas.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
  }));
  server.setRequestHandler(schemas.ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = TEMPLATE.exec(uri)?.[1];
    const found =
      id === undefined
        ? resources[uri]
        : { mimeType: "application/json", text: JSON.stringify({ id, data: `Data for ID: ${id}` }) };
    if (!found) throw new schemas.McpError(schemas.ErrorCode.InvalidParams, `no resource ${uri}`);
    return { contents: [{ uri, ...found }] };
  });
  server.setRequestHandler(schemas.SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(schemas.UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(schemas.ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, { args = [] }]) => ({
      name,
      description: `For the scenario of ${name}`,
      arguments: args.map((arg) => ({ name: arg, description: "A text", required: true })),
    })),
  }));
  server.setRequestHandler(schemas.GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts[params.name];
    if (!prompt) throw new schemas.McpError(schemas.ErrorCode.InvalidParams, `no prompt ${params.name}`);
    const messages = prompt.say(params.arguments ?? {}).map((content) => ({ role: "user", content }));
    return { messages };
  });
  server.setRequestHandler(schemas.CompleteRequestSchema, () => ({ completion: { values: [], total: 0 } }));
  return server;
}

/** What was said on a stream, for a client that comes back to it. */
function eventStore() {
  const events: { readonly stream: string; readonly message: schemas.JSONRPCMessage }[] = [];
  return {
    storeEvent: async (stream: string, message: schemas.JSONRPCMessage) => String(events.push({ stream, message }) - 1),
    replayEventsAfter: async (
      lastId: string,
      { send }: { send: (id: string, message: schemas.JSONRPCMessage) => Promise<void> },
    ) => {
      const { stream } = events[Number(lastId)]!;
      for (let at = Number(lastId) + 1; at < events.length; at++)
        if (events[at]!.stream === stream && Object.keys(events[at]!.message).length)
          await send(String(at), events[at]!.message);
      return stream;
    },
  };
}

function overHttp(port: number, address = "127.0.0.1"): void {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const hosts = [`${address}:${port}`, `localhost:${port}`];
  createServer((request, response) => {
    const answer = async () => {
      const id = request.headers["mcp-session-id"];
      let transport = sessions.get(String(id));
      if (!transport && id !== undefined) return void response.writeHead(404).end();
      if (!transport) {
        transport = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (session) => void sessions.set(session, transport!),
          eventStore: eventStore(),
          retryInterval: 500,
          enableDnsRebindingProtection: true,
          allowedHosts: hosts,
          allowedOrigins: hosts.map((host) => `http://${host}`),
        });
        const server = conformanceServer((request) => transport!.closeSSEStream(request));
        await server.connect(transport);
      }
      await transport.handleRequest(request, response);
    };
    answer().catch(() => response.destroy());
  }).listen(port, address);
}

function overSse(port: number): void {
  const sessions = new Map<string, SSEServerTransport>();
  createServer((request, response) => {
    const url = new URL(request.url!, "http://server");
    const answer = async () => {
      if (request.method === "POST") {
        const transport = sessions.get(String(url.searchParams.get("sessionId")));
        return transport ? transport.handlePostMessage(request, response) : void response.writeHead(404).end();
      }
      if (url.pathname !== "/sse") return void response.writeHead(404).end();
      const transport = new SSEServerTransport("/messages", response);
      sessions.set(transport.sessionId, transport);
      await conformanceServer().connect(transport);
    };
    answer().catch(() => response.destroy());
  }).listen(port, "127.0.0.1");
}

const [kind, port, address] = process.argv.slice(2);
if (kind === "stdio") await conformanceServer().connect(new StdioServerTransport());
else if (kind === "http") overHttp(Number(port), address);
else if (kind === "sse") overSse(Number(port));
else throw new Error("conformance-server.ts stdio | http PORT [ADDRESS] | sse PORT");
