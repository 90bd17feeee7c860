import type { ModelRoute } from "./index.ts";

/**
 * Bodies for the tests, as the official SDKs, Claude Code and Codex send them (recorded from Claude Code 2.1 and Codex
 * against a stand-in and shortened). `sent` is what LiteLLM is to get, where it is something else.
 */
export interface Example {
  readonly name: string;
  readonly route: ModelRoute;
  readonly body: Readonly<Record<string, unknown>>;
  readonly sent?: Readonly<Record<string, unknown>>;
}

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const PNG_URL = `data:image/png;base64,${PNG}`;
const schema = {
  type: "object",
  properties: { city: { type: "string", api_base: "free-form" } },
  required: ["city"],
  additionalProperties: false,
};
const ephemeral = { type: "ephemeral" };
const chat = "/v1/chat/completions";
const responses = "/v1/responses";
const messages = "/v1/messages";
const hello = [{ role: "user", content: "Hello" }];

export const EXAMPLES: readonly Example[] = [
  { name: "a text", route: chat, body: { model: "gpt-5.4", messages: hello } },
  {
    name: "a stream with usage, limits and sampling",
    route: chat,
    body: {
      model: "openai/gpt-5.4-mini",
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "system", content: [{ type: "text", text: "Be kind." }] },
        ...hello,
      ],
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
      temperature: 0.2,
      top_p: 1,
      n: 2,
      seed: 7,
      stop: ["END", "STOP"],
      max_completion_tokens: 1_000,
      max_tokens: null,
      frequency_penalty: 0,
      presence_penalty: -1,
      logit_bias: { "50256": -100 },
      logprobs: true,
      top_logprobs: 5,
      reasoning_effort: "xhigh",
      verbosity: "low",
      service_tier: "flex",
      store: false,
      user: "somebody",
      safety_identifier: "0a1b",
      prompt_cache_key: "chat-1",
      prompt_cache_retention: "24h",
      prompt_cache_options: { mode: "explicit", ttl: "30m" },
      modalities: ["text"],
    },
  },
  {
    name: "an image, a sound and a file",
    route: chat,
    body: {
      model: "gpt-5.4",
      messages: [
        {
          role: "user",
          name: "ann",
          content: [
            { type: "text", text: "What is this?", prompt_cache_breakpoint: { mode: "explicit" } },
            { type: "image_url", image_url: { url: PNG_URL, detail: "low" } },
            { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
            { type: "file", file: { file_id: "file-6F2ksmvXxt4VdoqmHRw6kL" } },
          ],
        },
      ],
      audio: { format: "mp3", voice: "alloy" },
    },
  },
  {
    name: "tools, their calls and results",
    route: chat,
    body: {
      model: "gpt-5.4",
      messages: [
        ...hello,
        {
          role: "assistant",
          content: null,
          refusal: null,
          function_call: null,
          provider_specific_fields: null,
          reasoning_content: "The weather is asked for.",
          annotations: [],
          thinking_blocks: [{ type: "thinking", thinking: "Hm.", signature: "c2ln" }],
          tool_calls: [
            {
              id: "call_1",
              type: "function",
              index: 0,
              function: { name: "weather", arguments: '{"city":"os.environ/HOME"}' },
            },
            { id: "call_2", type: "custom", custom: { name: "shell", input: "ls" } },
          ],
        },
        { role: "tool", tool_call_id: "call_1", content: "os.environ/HOME is a text here" },
        { role: "tool", tool_call_id: "call_2", content: [{ type: "text", text: "a.txt" }] },
        { role: "assistant", content: [{ type: "refusal", refusal: "No." }] },
        { role: "function", name: "old", content: "1" },
      ],
      tools: [
        { type: "function", function: { name: "weather", description: "Of a city", parameters: schema, strict: true } },
        {
          type: "custom",
          custom: {
            name: "shell",
            format: { type: "grammar", grammar: { definition: "start: /a+/", syntax: "lark" } },
          },
        },
      ],
      functions: [{ name: "old", parameters: schema }],
      function_call: { name: "old" },
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "weather" } }] },
      },
      parallel_tool_calls: false,
      web_search_options: {
        search_context_size: "low",
        user_location: { type: "approximate", approximate: { city: "Rome" } },
      },
    },
  },
  {
    name: "structured output, a prediction and moderation",
    route: chat,
    body: {
      model: "gpt-5.4",
      messages: hello,
      response_format: { type: "json_schema", json_schema: { name: "city", schema, strict: true } },
      prediction: { type: "content", content: "Rome" },
      moderation: { model: "omni-moderation-latest", policy: { input: { mode: "score" }, output: null } },
      tool_choice: "none",
    },
  },
  { name: "a text", route: responses, body: { model: "gpt-5.4", input: "Hello" } },
  {
    name: "a text that begins like the name of a secret",
    route: responses,
    body: { model: "gpt-5.4", input: "os.environ/HOME is what?" },
    sent: {
      model: "gpt-5.4",
      input: [{ role: "user", content: [{ type: "input_text", text: "os.environ/HOME is what?" }] }],
    },
  },
  {
    name: "Codex",
    route: responses,
    body: {
      model: "gpt-5.1-codex",
      stream: true,
      input: [
        {
          type: "message",
          id: "msg_1",
          role: "developer",
          content: [{ type: "input_text", text: "You are a coding agent." }],
        },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "oidc/file/x, what is it?" },
            { type: "input_image", image_url: PNG_URL, detail: "auto" },
          ],
        },
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: "Thinking" }],
          content: null,
          encrypted_content: "gAAAA",
        },
        {
          type: "function_call",
          status: "completed",
          id: "fc_1",
          name: "exec_command",
          arguments: '{"command":"ls"}',
          call_id: "call_1",
        },
        { type: "function_call_output", id: "fco_1", call_id: "call_1", output: "a.txt" },
        { type: "custom_tool_call", call_id: "call_2", name: "apply_patch", input: "*** Begin Patch" },
        { type: "custom_tool_call_output", call_id: "call_2", output: [{ type: "input_text", text: "done" }] },
        {
          type: "local_shell_call",
          id: "ls_1",
          call_id: "call_3",
          status: "completed",
          action: { type: "exec", command: ["ls"], env: { A: "b" }, timeout_ms: 10 },
        },
        { type: "local_shell_call_output", id: "call_3", output: "a.txt" },
        { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "x" } },
        {
          type: "message",
          role: "assistant",
          phase: "final_answer",
          content: [{ type: "output_text", text: "Done", annotations: [] }],
        },
      ],
      tools: [
        { type: "function", name: "exec_command", description: "Runs a command.", strict: false, parameters: schema },
        {
          type: "namespace",
          name: "multi_agent_v1",
          description: "Agents",
          tools: [{ type: "function", name: "close_agent", strict: false, parameters: schema }],
        },
        {
          type: "custom",
          name: "apply_patch",
          description: "Edits",
          format: { type: "grammar", syntax: "lark", definition: "start: x" },
        },
        { type: "local_shell" },
        { type: "web_search", external_web_access: false },
      ],
      tool_choice: "auto",
      parallel_tool_calls: true,
      reasoning: { effort: "medium", summary: "auto" },
      store: false,
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "01a1fe77-d1c0-7b93-9865-491058d0832d",
      text: { verbosity: "low" },
    },
  },
  ...([chat, responses] as const).map((route) => {
    const sent = { model: "gpt-5.4", ...(route === chat ? { messages: hello } : { input: "Hello" }) };
    // Names that LiteLLM reads are like any other.
    const metadata = {
      purpose: "a test",
      tags: "a",
      user_api_key_team_id: "a",
      "x-a": "os.environ/A",
      guardrails: "a",
    };
    return { name: "marks of the client's own stay here", route, body: { ...sent, metadata }, sent };
  }),
  {
    name: "Codex's marks for OpenAI's service are left out",
    route: responses,
    body: {
      model: "gpt-5.1-codex",
      input: "Hello",
      client_metadata: { "x-codex-turn-metadata": "{}", thread_id: "1" },
    },
    sent: { model: "gpt-5.1-codex", input: "Hello" },
  },
  {
    name: "an earlier response, structured output, all tools of the provider",
    route: responses,
    body: {
      model: "gpt-5.4",
      instructions: "Be brief. See os.environ/ for more.",
      previous_response_id:
        "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDoxO3Jlc3BvbnNlX2lkOnJlc3BfMQ==",
      input: [
        { role: "user", content: "Hello" },
        {
          type: "message",
          role: "user",
          content: [{ type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" }],
        },
        {
          type: "message",
          id: "msg_2",
          role: "assistant",
          status: "completed",
          content: [
            {
              type: "output_text",
              text: "See.",
              annotations: [
                { type: "url_citation", start_index: 0, end_index: 3, title: "A page", url: "https://example.org/" },
              ],
              logprobs: [],
            },
            { type: "refusal", refusal: "No." },
          ],
        },
        { type: "item_reference", id: "msg_3" },
        {
          type: "computer_call",
          id: "cu_1",
          call_id: "call_5",
          pending_safety_checks: [],
          status: "completed",
          action: { type: "drag", path: [{ x: 1, y: 2 }] },
        },
        {
          type: "computer_call_output",
          call_id: "call_5",
          output: { type: "computer_screenshot", image_url: PNG_URL },
        },
        {
          type: "code_interpreter_call",
          id: "ci_1",
          code: "1",
          container_id: "cntr_1",
          outputs: [{ type: "logs", logs: "1" }],
          status: "completed",
        },
        {
          type: "file_search_call",
          id: "fs_1",
          queries: ["x"],
          status: "completed",
          results: [{ file_id: "file-1", score: 0.5, attributes: { year: 2026 } }],
        },
        { type: "shell_call", call_id: "call_6", action: { commands: ["ls"] }, environment: { type: "local" } },
        {
          type: "shell_call_output",
          call_id: "call_6",
          output: [{ outcome: { type: "exit", exit_code: 0 }, stderr: "", stdout: "a" }],
        },
        {
          type: "apply_patch_call",
          call_id: "call_7",
          operation: { type: "update_file", diff: "@@", path: "a" },
          status: "completed",
        },
        { type: "apply_patch_call_output", call_id: "call_7", status: "completed", output: null },
        { type: "tool_search_call", call_id: "call_8", arguments: { query: "x" }, execution: "client" },
        { type: "tool_search_output", call_id: "call_8", tools: [{ type: "function", name: "f", parameters: schema }] },
        { type: "additional_tools", role: "developer", tools: [{ type: "web_search" }] },
        { type: "compaction", encrypted_content: "gAAA" },
      ],
      tools: [
        {
          type: "file_search",
          vector_store_ids: ["vs_1"],
          filters: { type: "and", filters: [{ type: "eq", key: "year", value: 2026 }] },
        },
        {
          type: "code_interpreter",
          container: {
            type: "auto",
            file_ids: [],
            network_policy: { type: "allowlist", allowed_domains: ["example.org"] },
          },
        },
        { type: "image_generation", size: "1024x1024", input_image_mask: { image_url: PNG_URL } },
        { type: "computer_use_preview", display_height: 100, display_width: 100, environment: "linux" },
        {
          type: "shell",
          environment: { type: "container_auto", skills: [{ type: "skill_reference", skill_id: "s_1" }] },
        },
        {
          type: "web_search_preview",
          user_location: { type: "approximate", city: "Rome" },
          search_context_size: "low",
        },
        { type: "apply_patch" },
        { type: "tool_search", execution: "client" },
      ],
      tool_choice: {
        type: "allowed_tools",
        mode: "required",
        tools: [{ type: "function", name: "f" }, { type: "image_generation" }],
      },
      text: { format: { type: "json_schema", name: "city", schema, strict: true }, verbosity: "high" },
      context_management: [{ type: "compaction", compact_threshold: 1000 }],
      truncation: "auto",
      background: false,
      max_output_tokens: 100,
      max_tool_calls: 4,
      stream_options: { include_obfuscation: false },
    },
  },
  {
    name: "MCP servers of the gateway, approved beforehand",
    route: responses,
    body: {
      model: "gpt-5.4",
      input: "What time is it?",
      tools: [
        {
          type: "mcp",
          server_label: "litellm",
          server_url: "litellm_proxy",
          require_approval: "never",
          allowed_tools: ["time-get_current_time"],
        },
        { type: "web_search" },
      ],
    },
  },
  {
    name: "a text",
    route: messages,
    body: { model: "claude-sonnet-4-5", max_tokens: 100, messages: hello, system: "Be brief." },
  },
  {
    name: "a system prompt that begins like the name of a secret",
    route: messages,
    body: { model: "claude-sonnet-4-5", max_tokens: 100, messages: hello, system: "os.environ/HOME is what?" },
    sent: {
      model: "claude-sonnet-4-5",
      max_tokens: 100,
      messages: hello,
      system: [{ type: "text", text: "os.environ/HOME is what?" }],
    },
  },
  {
    name: "Claude Code",
    route: messages,
    body: {
      model: "claude-sonnet-4-5",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "<system-reminder>…" },
            { type: "text", text: "say hi", cache_control: { ...ephemeral, ttl: "1h" } },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "c2ln" },
            { type: "redacted_thinking", data: "abc" },
            { type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "echo hi", api_base: "free-form" } },
          ],
        },
        {
          role: "user",
          content: [
            {
              tool_use_id: "toolu_1",
              type: "tool_result",
              content: "os.environ/HOME",
              is_error: false,
              cache_control: ephemeral,
            },
            {
              tool_use_id: "toolu_2",
              type: "tool_result",
              content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }],
            },
          ],
        },
      ],
      system: [
        { type: "text", text: "x-anthropic-billing-header: cc_version=2.1" },
        { type: "text", text: "You are a Claude agent.", cache_control: { ...ephemeral, scope: "global" } },
      ],
      tools: [
        {
          name: "Bash",
          description: "Executes a command.",
          input_schema: { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema },
        },
        { type: "custom", name: "Read", input_schema: schema, eager_input_streaming: true, defer_loading: true },
        { type: "web_search_20250305", name: "web_search", max_uses: 8, allowed_domains: ["example.org"] },
        { type: "tool_search_tool_regex_20251119", name: "tool_search_tool_regex" },
      ],
      metadata: { user_id: '{"device_id":"676a322b","account_uuid":""}' },
      max_tokens: 32_000,
      thinking: { type: "enabled", budget_tokens: 31_999 },
      context_management: {
        edits: [
          { type: "clear_thinking_20251015", keep: "all" },
          { type: "clear_tool_uses_20250919", keep: { type: "tool_uses", value: 3 } },
        ],
      },
      output_config: { effort: "high", task_budget: { type: "tokens", total: 1000 } },
      stream: true,
    },
  },
  {
    name: "documents, citations and the provider's tools",
    route: messages,
    body: {
      model: "claude-opus-4-6",
      max_tokens: 100,
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" },
              citations: { enabled: true },
              title: "A paper",
            },
            { type: "document", source: { type: "text", media_type: "text/plain", data: "os.environ/HOME" } },
            { type: "document", source: { type: "content", content: [{ type: "text", text: "x" }] } },
            { type: "document", source: { type: "file", file_id: "file_011CNha8iCJcU1wXNR6q4V8w" } },
            { type: "search_result", source: "a page", title: "A page", content: [{ type: "text", text: "x" }] },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
            {
              type: "web_search_tool_result",
              tool_use_id: "srvtoolu_1",
              content: [{ type: "web_search_result", title: "A", url: "https://example.org", encrypted_content: "a" }],
            },
            {
              type: "web_fetch_tool_result",
              tool_use_id: "srvtoolu_2",
              content: { type: "web_fetch_tool_result_error", error_code: "unavailable" },
            },
            {
              type: "code_execution_tool_result",
              tool_use_id: "srvtoolu_3",
              content: { type: "code_execution_result", content: [], return_code: 0, stderr: "", stdout: "1" },
            },
            {
              type: "text",
              text: "See.",
              citations: [
                {
                  type: "char_location",
                  cited_text: "x",
                  document_index: 0,
                  document_title: null,
                  start_char_index: 0,
                  end_char_index: 1,
                },
              ],
            },
          ],
        },
        { role: "system", content: "Be brief.", clear_at: "next_user_message" },
        ...hello,
      ],
      tools: [
        { type: "code_execution_20250825", name: "code_execution" },
        { type: "text_editor_20250728", name: "str_replace_based_edit_tool", max_characters: 1000 },
        { type: "computer_20251124", name: "computer", display_height_px: 100, display_width_px: 100 },
        { type: "browser_toolset_20260801", configs: { navigate: { enabled: false } } },
        { type: "web_fetch_20260318", name: "web_fetch", url_sources: { user_input: { type: "all" } } },
      ],
      tool_choice: { type: "tool", name: "code_execution", disable_parallel_tool_use: true },
      output_config: { format: { type: "json_schema", schema } },
      container: { id: "container_1", skills: [{ type: "anthropic", skill_id: "xlsx", version: "latest" }] },
      service_tier: "standard_only",
      stop_sequences: ["END"],
      temperature: 1,
      top_k: 5,
      thinking: { type: "adaptive", display: "summarized" },
    },
  },
  {
    name: "tokens to count",
    route: "/v1/messages/count_tokens",
    body: {
      model: "claude-sonnet-4-5",
      messages: hello,
      system: "Be brief.",
      tools: [{ name: "f", input_schema: schema }],
      thinking: { type: "disabled" },
    },
  },
  {
    name: "a text",
    route: "/v1/embeddings",
    body: {
      model: "text-embedding-3-small",
      input: "Hello",
      encoding_format: "base64",
      dimensions: 256,
      user: "somebody",
    },
  },
  {
    name: "texts",
    route: "/v1/embeddings",
    body: { model: "text-embedding-3-small", input: ["Hello", "os.environ/HOME"] },
  },
  { name: "tokens", route: "/v1/embeddings", body: { model: "text-embedding-3-small", input: [[1, 2], [3]] } },
  {
    name: "a text that begins like the name of a secret",
    route: "/v1/embeddings",
    body: { model: "text-embedding-3-small", input: " OIDC/file/x" },
    sent: { model: "text-embedding-3-small", input: [" OIDC/file/x"] },
  },
];
