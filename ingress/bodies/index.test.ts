import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EXAMPLES } from "./examples.ts";
import { acceptBody, type ModelRoute } from "./index.ts";

const hello = [{ role: "user", content: "Hello" }];
const bare: Readonly<Record<ModelRoute, Readonly<Record<string, unknown>>>> = {
  "/v1/chat/completions": { model: "m", messages: hello },
  "/v1/responses": { model: "m", input: "Hello" },
  "/v1/messages": { model: "m", max_tokens: 1, messages: hello },
  "/v1/messages/count_tokens": { model: "m", messages: hello },
  "/v1/embeddings": { model: "m", input: "Hello" },
};
const routes = Object.keys(bare) as ModelRoute[];

/** Each problem as `path: message`. */
function problems(route: ModelRoute, body: unknown): string[] {
  const answer = acceptBody(route, body);
  if (answer.ok) assert.fail(`accepted: ${JSON.stringify(body).slice(0, 500)}`);
  return answer.problems.map(({ path, message }) => `${path}: ${message}`);
}

const refusedWith = (
  route: ModelRoute,
  parameters: Readonly<Record<string, unknown>>,
  ...expected: readonly (string | RegExp)[]
) => {
  const found = problems(route, { ...bare[route], ...parameters });
  assert.equal(found.length, expected.length, found.join("\n"));
  for (const [index, each] of expected.entries()) {
    if (typeof each === "string") assert.equal(found[index], each);
    else assert.match(found[index] ?? "", each);
  }
};

describe("what clients send is accepted as it is", () => {
  for (const { name, route, body, sent } of EXAMPLES) {
    test(`${route}: ${name}`, () => {
      const text = JSON.stringify(body);
      const answer = acceptBody(route, JSON.parse(text));
      assert.ok(answer.ok, JSON.stringify(answer, null, 1));
      assert.deepEqual(answer.body, sent ?? JSON.parse(text));
      assert.equal(answer.model, body.model);
      assert.equal(answer.stream, body.stream === true);
    });
  }
});

/** What LiteLLM 1.77.3 takes from a body for itself. */
const OF_LITELLM = (
  "api_key api_base base_url api_version api_type fallbacks context_window_fallbacks context_window_fallback_dict mock_response mock_tool_calls " +
  "mock_timeout mock_testing_fallbacks mock_testing_rate_limit_error custom_llm_provider litellm_metadata litellm_params litellm_call_id " +
  "litellm_logging_obj litellm_credential_name litellm_trace_id litellm_disabled_callbacks guardrails guardrail_config cache caching ttl num_retries " +
  "max_retries timeout request_timeout stream_timeout force_timeout extra_body extra_headers extra_query headers no-log tags model_list model_info " +
  "azure_ad_token azure_username azure_password vertex_project vertex_location vertex_credentials aws_access_key_id aws_secret_access_key aws_session_token " +
  "aws_web_identity_token aws_role_name aws_region_name aws_bedrock_runtime_endpoint region_name user_config user_api_key_dict proxy_server_request " +
  "secret_fields prompt_id prompt_variables prompt_label prompt_version specific_deployment deployment_id fastest_response priority allowed_openai_params " +
  "drop_params additional_drop_params success_callback failure_callback logger_fn langfuse_host langfuse_secret_key langsmith_base_url gcs_path_service_account " +
  "turn_off_message_logging disable_fallbacks passthrough_on_no_deployment organization use_client client roles input_cost_per_token " +
  "provider_specific_header configurable_clientside_auth_params use_in_pass_through cooldown_time rpm tpm max_budget budget_duration hf_model_name " +
  "custom_prompt_dict ssl_verify use_litellm_proxy vector_store_ids mcp_servers user_continue_message assistant_continue_message id __proto__ constructor"
).split(" ");

/** As a parser makes it, also of the name `__proto__`. */
const withKey = (object: Readonly<Record<string, unknown>>, key: string, value: unknown): Record<string, unknown> =>
  JSON.parse(JSON.stringify(object).replace(/\}$/, `,${JSON.stringify(key)}:${JSON.stringify(value)}}`));

describe("LiteLLM's own parameters are refused by name", () => {
  for (const route of routes) {
    test(`${route}, at the top and deeper`, () => {
      for (const key of OF_LITELLM) {
        const [top] = problems(route, withKey(bare[route], key, "x"));
        assert.match(top ?? "", new RegExp(`^(\\["${key}"\\]|${key}): (unknown parameter|leave it out)`));
        if (!Array.isArray(bare[route].messages)) continue;
        const message = key === "id" ? "call" : key;
        const found = problems(route, {
          ...bare[route],
          messages: [...hello, withKey({ role: "user", content: "x" }, message, { a: 1 })],
        });
        assert.equal(found.join(), `messages[1].${message}: unknown parameter`);
      }
    });
  }
});

describe("a string that LiteLLM would replace by a secret", () => {
  const values = [
    "os.environ/LITELLM_MASTER_KEY",
    " \n os.environ/X",
    "OS.Environ/X",
    "oidc/file/etc/passwd",
    "Oidc/env/X",
  ];
  const places: readonly [ModelRoute, string, (value: string) => Record<string, unknown>][] = [
    ["/v1/chat/completions", "model", (model) => ({ model })],
    ["/v1/chat/completions", "user", (user) => ({ user })],
    ["/v1/chat/completions", "stop", (stop) => ({ stop })],
    ["/v1/chat/completions", "stop[1]", (stop) => ({ stop: ["a", stop] })],
    ["/v1/chat/completions", "tool_choice", (tool_choice) => ({ tool_choice })],
    ["/v1/chat/completions", "reasoning_effort", (reasoning_effort) => ({ reasoning_effort })],
    ["/v1/chat/completions", "service_tier", (service_tier) => ({ service_tier })],
    ["/v1/chat/completions", "messages[0].name", (name) => ({ messages: [{ ...hello[0], name }] })],
    [
      "/v1/chat/completions",
      "messages[0].tool_call_id",
      (tool_call_id) => ({ messages: [{ role: "tool", content: "x", tool_call_id }] }),
    ],
    [
      "/v1/chat/completions",
      "messages[0].content[0].image_url.url",
      (url) => ({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] }),
    ],
    [
      "/v1/chat/completions",
      "tools[0].function.description",
      (description) => ({ tools: [{ type: "function", function: { name: "f", description } }] }),
    ],
    ["/v1/responses", "instructions", (instructions) => ({ instructions })],
    ["/v1/responses", "previous_response_id", (previous_response_id) => ({ previous_response_id })],
    ["/v1/responses", "prompt_cache_key", (prompt_cache_key) => ({ prompt_cache_key })],
    ["/v1/responses", "truncation", (truncation) => ({ truncation })],
    ["/v1/messages", "metadata.user_id", (user_id) => ({ metadata: { user_id } })],
    ["/v1/messages", "container", (container) => ({ container })],
    ["/v1/messages", "stop_sequences[0]", (stop) => ({ stop_sequences: [stop] })],
    ["/v1/messages", "inference_geo", (inference_geo) => ({ inference_geo })],
    ["/v1/embeddings", "encoding_format", (encoding_format) => ({ encoding_format })],
    ["/v1/embeddings", "user", (user) => ({ user })],
  ];
  for (const [route, path, parameters] of places) {
    test(`${route}: ${path}`, () => {
      for (const value of values) {
        const found = problems(route, { ...bare[route], ...parameters(value) });
        assert.equal(found.length, 1, found.join("\n"));
        assert.ok(found[0]?.startsWith(`${path}: write `), found[0]);
      }
    });
  }
});

const image = (url: unknown) => ({
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
});
const items = (...input: readonly unknown[]) => ({ input });
const mcp = (more: Readonly<Record<string, unknown>> = {}) => ({
  type: "mcp",
  server_label: "a",
  server_url: "litellm_proxy",
  require_approval: "never",
  ...more,
});
const nested = (levels: number): unknown => (levels === 0 ? {} : { a: nested(levels - 1) });

describe("what would be dangerous or wrong is refused, with its place and what to write", () => {
  const cases: readonly [string, ModelRoute, Record<string, unknown>, ...(string | RegExp)[]][] = [
    [
      "an address of an image",
      "/v1/chat/completions",
      image("http://169.254.169.254/"),
      /^messages\[0\]\.content\[0\]\.image_url\.url: .* downloads no addresses$/,
    ],
    [
      "an address that hides behind data",
      "/v1/chat/completions",
      image("data:image/png,http://x"),
      /downloads no addresses$/,
    ],
    [
      "an address after the data",
      "/v1/chat/completions",
      image("data:image/png;base64,AAAA http://x"),
      /downloads no addresses$/,
    ],
    ["a bucket", "/v1/chat/completions", image("gs://a/b"), /downloads no addresses$/],
    ["a file of the machine", "/v1/chat/completions", image("file:///etc/passwd"), /downloads no addresses$/],
    [
      "an address as a file id",
      "/v1/chat/completions",
      {
        messages: [
          { role: "user", content: [{ type: "file", file: { file_id: "https://x/a.pdf", file_data: "https://x" } }] },
        ],
      },
      /^messages\[0\]\.content\[0\]\.file\.file_data: .*addresses$/,
      /^messages\[0\]\.content\[0\]\.file\.file_id: .*addresses are not accepted$/,
    ],
    [
      "a key in a tool's call",
      "/v1/chat/completions",
      {
        messages: [
          {
            role: "assistant",
            tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "", api_base: "x" } }],
          },
        ],
      },
      "messages[0].tool_calls[0].function.api_base: unknown parameter",
    ],
    [
      "fields of providers in a message",
      "/v1/chat/completions",
      { messages: [{ role: "assistant", provider_specific_fields: { a: 1 } }] },
      "messages[0].provider_specific_fields: write null",
    ],
    [
      "an unknown part",
      "/v1/chat/completions",
      { messages: [{ role: "user", content: [{ type: "video_url" }] }] },
      "messages[0].content[0].type: write one of text, image_url, input_audio, file",
    ],
    [
      "an unknown role",
      "/v1/chat/completions",
      { messages: [{ role: "root", content: "x" }] },
      "messages[0].role: write one of developer, system, user, assistant, tool, function",
    ],
    [
      "MCP in chat completions",
      "/v1/chat/completions",
      { tools: [mcp()] },
      "tools[0].type: write function or custom: MCP servers are used with a tool of type mcp in /v1/responses, or by an MCP client at /mcp/",
    ],
    ["too many answers", "/v1/chat/completions", { n: 9 }, "n: write at most 8"],
    [
      "a name of a function",
      "/v1/chat/completions",
      { tools: [{ type: "function", function: { name: "a b" } }] },
      /^tools\[0\]\.function\.name: write a name of 1 to 128/,
    ],
    ["several models", "/v1/chat/completions", { model: "a,b" }, /^model: write the name of one model/],
    ["a pattern for a model", "/v1/chat/completions", { model: "*" }, /^model: write the name of one model/],
    [
      "no model",
      "/v1/chat/completions",
      { model: undefined },
      "model: write the name of one model, as /v1/models lists it",
    ],
    [
      "a wrong type",
      "/v1/chat/completions",
      { temperature: "1", stream: "true" },
      "stream: write true or false",
      "temperature: write a finite number",
    ],
    ["an infinite number", "/v1/chat/completions", { temperature: Infinity }, "temperature: write a finite number"],
    [
      "too many messages",
      "/v1/chat/completions",
      { messages: Array(2001).fill(hello[0]) },
      "messages: write at most 2000 entries",
    ],
    [
      "too many tools",
      "/v1/responses",
      { tools: Array(513).fill({ type: "local_shell" }) },
      "tools: write at most 512 entries",
    ],
    [
      "deep free-form JSON",
      "/v1/messages",
      { tools: [{ name: "f", input_schema: nested(64) }] },
      /^tools\[0\]\.input_schema: .*at most 64 deep$/,
    ],
    [
      "long names and texts in metadata",
      "/v1/responses",
      { metadata: { ["a".repeat(65)]: "b", c: "d".repeat(513) } },
      /^metadata\["a+…"\]: write a name of 1 to 64 characters$/,
      "metadata.c: write a text of at most 512 characters",
    ],
    ["metadata that is no text", "/v1/chat/completions", { metadata: { a: { b: 1 } } }, "metadata.a: write a text"],
    [
      "too many pairs of metadata",
      "/v1/chat/completions",
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`a${index}`, "b"])) },
      "metadata: write at most 16 pairs",
    ],
    [
      "another MCP server",
      "/v1/responses",
      { tools: [mcp({ server_url: "http://mcp-time:8000/sse" })] },
      /^tools\[0\]\.server_url: write litellm_proxy/,
    ],
    [
      "something behind the word",
      "/v1/responses",
      { tools: [mcp({ server_url: "litellm_proxy@evil.example" })] },
      /^tools\[0\]\.server_url: write litellm_proxy/,
    ],
    [
      "an empty name of a server",
      "/v1/responses",
      { tools: [mcp({ server_url: "litellm_proxy/mcp/a,,b" })] },
      /^tools\[0\]\.server_url: write litellm_proxy/,
    ],
    [
      "headers for an MCP server",
      "/v1/responses",
      { tools: [mcp({ headers: { a: "b" }, authorization: "x", connector_id: "connector_gmail" })] },
      "tools[0].headers: unknown parameter",
      "tools[0].authorization: unknown parameter",
      "tools[0].connector_id: unknown parameter",
    ],
    [
      "an empty list of tools, which means all",
      "/v1/responses",
      { tools: [mcp({ allowed_tools: [] })] },
      "tools[0].allowed_tools: write at least 1 entry",
    ],
    [
      "approval by tool",
      "/v1/responses",
      { tools: [mcp({ require_approval: { never: {} } })] },
      "tools[0].require_approval: write never or always",
    ],
    [
      "a function of the client that LiteLLM would run",
      "/v1/responses",
      { tools: [{ type: "function", name: "time-get_time" }, mcp()] },
      /^tools\[0\]\.type: write no tool of your own/,
    ],
    [
      "approval that differs",
      "/v1/responses",
      { tools: [mcp(), mcp({ require_approval: "always" })] },
      /^tools\[1\]\.require_approval: write the same/,
    ],
    [
      "allowed tools that would be mixed",
      "/v1/responses",
      { tools: [mcp({ allowed_tools: ["a-b"] }), mcp()] },
      /^tools\[1\]\.allowed_tools: write it in every/,
    ],
    [
      "too many servers in all",
      "/v1/responses",
      { tools: Array(9).fill(mcp({ server_url: `litellm_proxy/mcp/${Array(60).fill("a").join()}` })) },
      /^tools: write at most 512 entries, each name/,
    ],
    [
      "MCP in a namespace",
      "/v1/responses",
      { tools: [{ type: "namespace", name: "n", tools: [mcp()] }] },
      /^tools\[0\]\.tools\[0\]\.type: write another type/,
    ],
    [
      "MCP among additional tools",
      "/v1/responses",
      items({ type: "additional_tools", role: "developer", tools: [mcp()] }),
      /^input\[0\]\.tools\[0\]\.type: write another type/,
    ],
    [
      "MCP among found tools",
      "/v1/responses",
      items({ type: "tool_search_output", tools: [mcp()] }),
      /^input\[0\]\.tools\[0\]\.type: write another type/,
    ],
    [
      "MCP as a choice",
      "/v1/responses",
      { tool_choice: { type: "mcp", server_label: "a" } },
      /^tool_choice\.type: write function/,
    ],
    [
      "an approval of an MCP call",
      "/v1/responses",
      items({ type: "mcp_approval_response", approval_request_id: "a", approve: true }),
      /^input\[0\]\.type: write another item/,
    ],
    [
      "an unknown item",
      "/v1/responses",
      items({ type: "x" }),
      /^input\[0\]\.type: write one of message, function_call, /,
    ],
    [
      "an address of a file",
      "/v1/responses",
      items({ role: "user", content: [{ type: "input_file", file_url: "http://x" }] }),
      /^input\[0\]\.content\[0\]\.file_url: leave it out/,
    ],
    ["a stored prompt", "/v1/responses", { prompt: { id: "pmpt_1" } }, /^prompt: leave it out/],
    ["an answer in the background", "/v1/responses", { background: true }, /^background: write false/],
    ["a conversation", "/v1/responses", { conversation: "conv_1" }, /^conversation: leave it out/],
    [
      "a second model",
      "/v1/responses",
      { tools: [{ type: "image_generation", model: "gpt-image-2" }] },
      /^tools\[0\]\.model: leave it out/,
    ],
    [
      "MCP servers of Anthropic",
      "/v1/messages",
      { mcp_servers: [{ type: "url", url: "http://x", name: "a" }] },
      /^mcp_servers: leave it out/,
    ],
    [
      "a set of MCP tools",
      "/v1/messages",
      { tools: [{ type: "mcp_toolset", mcp_server_name: "a" }] },
      /^tools\[0\]\.type: leave it out/,
    ],
    [
      "an adviser with a model",
      "/v1/messages",
      { tools: [{ type: "advisor_20260301", name: "advisor", model: "m" }] },
      /^tools\[0\]\.type: leave it out/,
    ],
    ["Anthropic's fallbacks", "/v1/messages", { fallbacks: [{ model: "m" }] }, /^fallbacks: leave it out/],
    [
      "an address of a picture",
      "/v1/messages",
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: "http://x" } }] }] },
      /^messages\[0\]\.content\[0\]\.source\.type: .*addresses$/,
    ],
    [
      "an address in a tool's result",
      "/v1/messages/count_tokens",
      {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "a",
                content: [{ type: "document", source: { type: "url", url: "http://x" } }],
              },
            ],
          },
        ],
      },
      /^messages\[0\]\.content\[0\]\.content\[0\]\.source\.type: .*addresses$/,
    ],
    [
      "a limit where tokens are counted",
      "/v1/messages/count_tokens",
      { max_tokens: 1 },
      "max_tokens: unknown parameter",
    ],
    [
      "a key in a block",
      "/v1/messages",
      {
        messages: [
          { role: "user", content: [{ type: "text", text: "a", cache_control: { type: "ephemeral", api_base: "x" } }] },
        ],
      },
      "messages[0].content[0].cache_control.api_base: unknown parameter",
    ],
    ["objects to embed", "/v1/embeddings", { input: [{ image: "http://x" }] }, /^input: write a text/],
    ["a fraction of a token", "/v1/embeddings", { input: [1.5] }, /^input: write a text/],
  ];
  for (const [name, route, parameters, ...expected] of cases)
    test(`${route}: ${name}`, () => refusedWith(route, parameters, ...expected));

  test("what is no object", () => {
    for (const value of [null, undefined, [], "x", 1, true])
      assert.match(problems("/v1/responses", value).join(), /^: (missing: )?write an object$/);
  });

  test("an integer that the parser kept as its text, outside free-form parts", () => {
    const large = () =>
      Object.freeze(Object.assign(Object.create(null) as object, { rawJSON: "12345678901234567890" }));
    refusedWith("/v1/chat/completions", { seed: large() }, "seed: write a finite number");
    refusedWith("/v1/chat/completions", { metadata: large() }, "metadata: write an object");
    refusedWith("/v1/chat/completions", { user: large() }, "user: write a text");
    const input = { n: large() };
    const answer = acceptBody("/v1/messages", {
      ...bare["/v1/messages"],
      messages: [{ role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input }] }],
    });
    assert.ok(answer.ok);
    assert.equal((answer.body.messages as { content: { input: unknown }[] }[])[0]?.content[0]?.input, input);
  });

  test("at most 20 problems, and names that are not longer than is useful", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`.padEnd(10_000, "x"), 1]));
    const found = problems("/v1/chat/completions", { ...bare["/v1/chat/completions"], ...many });
    assert.equal(found.length, 20);
    assert.ok(
      found.every((each) => each.length < 120),
      found[0],
    );
  });
});

describe("tools of type mcp", () => {
  test("are told, and each server gets a tool of its own: LiteLLM would take two names for one that nobody has, and give all servers", () => {
    const tools = [
      mcp({ server_url: "litellm_proxy/mcp/time,git", allowed_tools: ["time-a", "git-b"] }),
      { type: "web_search" },
    ];
    const answer = acceptBody("/v1/responses", { ...bare["/v1/responses"], tools });
    assert.ok(answer.ok);
    assert.deepEqual(answer.mcpTools, [
      { serverLabel: "a", servers: ["time", "git"], allowedTools: ["time-a", "git-b"], requireApproval: "never" },
    ]);
    assert.deepEqual(answer.body.tools, [
      { ...tools[0], server_url: "litellm_proxy/mcp/time" },
      { ...tools[0], server_url: "litellm_proxy/mcp/git" },
      { type: "web_search" },
    ]);
  });

  test("without names are all servers", () => {
    const answer = acceptBody("/v1/responses", {
      ...bare["/v1/responses"],
      tools: [mcp({ require_approval: "always" }), { type: "function", name: "f" }],
    });
    assert.ok(answer.ok);
    assert.deepEqual(answer.mcpTools, [
      { serverLabel: "a", servers: undefined, allowedTools: undefined, requireApproval: "always" },
    ]);
  });
});

test("8 MB of chat with images hold up nobody for long", () => {
  const url = `data:image/png;base64,${"A".repeat(1_000_000)}`;
  const messages = Array.from({ length: 1_000 }, (_, index) =>
    index % 125 === 0
      ? {
          role: "user",
          content: [
            { type: "text", text: "See" },
            { type: "image_url", image_url: { url } },
          ],
        }
      : {
          role: "assistant",
          content: null,
          tool_calls: [{ id: `call_${index}`, type: "function", function: { name: "f", arguments: "{}" } }],
        },
  );
  const body: unknown = JSON.parse(JSON.stringify({ model: "m", messages }));
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    assert.ok(acceptBody("/v1/chat/completions", body).ok);
    return performance.now() - start;
  });
  const best = Math.min(...times);
  // 9 to 18 ms on a quiet machine; the bound is for one that runs other tests beside this.
  assert.ok(best < 300, `${times.map((each) => each.toFixed(1)).join(", ")} ms`);
});

describe("8 MB that are wrong all over are refused at once", () => {
  const wrong: readonly [string, ModelRoute, Record<string, unknown>][] = [
    [
      "parts",
      "/v1/chat/completions",
      { messages: Array.from({ length: 2_000 }, () => ({ role: "user", content: Array(500).fill({ a: 1 }) })) },
    ],
    ["inputs", "/v1/embeddings", { input: Array.from({ length: 2_000 }, () => Array(1_000).fill("a")) }],
    [
      "items",
      "/v1/responses",
      {
        input: Array.from({ length: 2_000 }, () => ({
          type: "function_call_output",
          call_id: "a",
          output: Array(300).fill({ type: "z" }),
        })),
      },
    ],
    ["a head without end", "/v1/chat/completions", image(`data:image/png${";a=b".repeat(2_000_000)}`)],
    [
      "names of servers without end",
      "/v1/responses",
      { tools: [mcp({ server_url: `litellm_proxy/mcp/a${",a".repeat(4_000_000)}` })] },
    ],
    [
      "nothing but depth",
      "/v1/messages",
      { tools: [{ name: "f", input_schema: JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`) }] },
    ],
  ];
  for (const [name, route, parameters] of wrong) {
    test(`${route}: ${name}`, () => {
      const start = performance.now();
      const found = problems(route, { ...bare[route], ...parameters });
      const took = performance.now() - start;
      assert.ok(found.length <= 20 && took < 500, `${found.length} problems in ${took.toFixed()} ms`);
    });
  }
});
