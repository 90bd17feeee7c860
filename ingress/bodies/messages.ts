import { z } from "zod";
import {
  base64,
  content,
  either,
  fileId,
  flag,
  freeForm,
  id,
  isReference,
  jsonSchema,
  label,
  list,
  maybe,
  model,
  MOST_MESSAGES,
  MOST_TOOLS,
  number,
  oneOf,
  option,
  pairs,
  parameter,
  refused,
  resourceId,
  strict,
  textOr,
  toolName,
  whole,
} from "./parts.ts";

/**
 * POST /v1/messages and /v1/messages/count_tokens: @anthropic-ai/sdk 1.12.0, resources/beta/messages, which has all
 * that resources/messages has.
 */

const ADDRESS = "write base64, text or content with the data itself: the gateway downloads no addresses";
const HOSTED_MCP =
  "leave it out: MCP servers are used by an MCP client at /mcp/, or with a tool of type mcp in /v1/responses";

// `scope` is what Claude Code adds for a prompt that several sessions share.
const cache_control = maybe(strict({ type: z.literal("ephemeral"), ttl: maybe(option), scope: maybe(option) }));

const citation = oneOf("type", [
  strict({
    type: z.literal("char_location"),
    cited_text: content,
    document_index: whole,
    document_title: maybe(label),
    start_char_index: whole,
    end_char_index: whole,
    file_id: maybe(fileId),
  }),
  strict({
    type: z.literal("page_location"),
    cited_text: content,
    document_index: whole,
    document_title: maybe(label),
    start_page_number: whole,
    end_page_number: whole,
    file_id: maybe(fileId),
  }),
  strict({
    type: z.literal("content_block_location"),
    cited_text: content,
    document_index: whole,
    document_title: maybe(label),
    start_block_index: whole,
    end_block_index: whole,
    file_id: maybe(fileId),
  }),
  strict({
    type: z.literal("web_search_result_location"),
    cited_text: content,
    encrypted_index: label,
    title: maybe(label),
    url: label,
  }),
  strict({
    type: z.literal("search_result_location"),
    cited_text: content,
    search_result_index: whole,
    source: label,
    title: maybe(label),
    start_block_index: whole,
    end_block_index: whole,
  }),
]);
const citations = maybe(strict({ enabled: maybe(flag) }));

const textBlock = strict({ type: z.literal("text"), text: content, cache_control, citations: maybe(list(citation)) });

const imageBlock = strict({
  type: z.literal("image"),
  source: oneOf(
    "type",
    [
      strict({ type: z.literal("base64"), media_type: parameter(100), data: base64 }),
      strict({ type: z.literal("file"), file_id: fileId }),
    ],
    { url: ADDRESS },
  ),
  cache_control,
  transformations: maybe(strict({ oversized_image: maybe(option) })),
});

const documentBlock = strict({
  type: z.literal("document"),
  source: oneOf(
    "type",
    [
      strict({ type: z.literal("base64"), media_type: parameter(100), data: base64 }),
      strict({ type: z.literal("text"), media_type: parameter(100), data: content }),
      strict({ type: z.literal("content"), content: textOr(oneOf("type", [textBlock, imageBlock])) }),
      strict({ type: z.literal("file"), file_id: fileId }),
    ],
    { url: ADDRESS },
  ),
  cache_control,
  citations,
  context: maybe(content),
  title: maybe(label),
});

const searchResultBlock = strict({
  type: z.literal("search_result"),
  content: list(textBlock),
  source: label,
  title: label,
  cache_control,
  citations,
});

const toolReference = strict({ type: z.literal("tool_reference"), tool_name: parameter(256), cache_control });

const browserStateBlock = strict({
  type: z.literal("browser_state"),
  tabs: list(strict({ tab_id: id, title: content, url: content, active: maybe(flag) })),
  cache_control,
  state_changes: maybe(
    list(
      oneOf("type", [
        strict({ type: z.literal("tab_opened"), tab_id: id }),
        strict({ type: z.literal("download_started"), download_id: id, url: content }),
        strict({
          type: z.literal("download_completed"),
          download_id: id,
          url: content,
          path: maybe(content),
          size_bytes: maybe(whole),
        }),
        strict({ type: z.literal("download_failed"), download_id: id, url: content, error: maybe(content) }),
      ]),
    ),
  ),
});

const caller = maybe(
  oneOf("type", [
    strict({ type: z.literal("direct") }),
    strict({ type: z.literal(["code_execution_20250825", "code_execution_20260120"]), tool_id: id }),
  ]),
);

/** What a tool of the provider answered. It stays in the conversation, so clients send it back. */
const result = <T extends string, O extends Parameters<typeof oneOf>[1]>(type: T, options: O) =>
  strict({ type: z.literal(type), tool_use_id: id, content: oneOf("type", options), cache_control, caller });
const failed = <T extends string>(type: T) =>
  strict({ type: z.literal(type), error_code: option, error_message: maybe(content) });

const outputs = <T extends string>(type: T) => list(strict({ type: z.literal(type), file_id: fileId }));

const serverToolResults = [
  strict({
    type: z.literal("web_search_tool_result"),
    tool_use_id: id,
    content: either(
      "a list of results or an error",
      list(
        strict({
          type: z.literal("web_search_result"),
          encrypted_content: label,
          title: label,
          url: label,
          page_age: maybe(label),
        }),
      ),
      failed("web_search_tool_result_error"),
    ),
    cache_control,
    caller,
  }),
  result("web_fetch_tool_result", [
    failed("web_fetch_tool_result_error"),
    strict({ type: z.literal("web_fetch_result"), content: documentBlock, url: label, retrieved_at: maybe(label) }),
  ]),
  result("advisor_tool_result", [
    failed("advisor_tool_result_error"),
    strict({ type: z.literal("advisor_result"), text: content, stop_reason: maybe(option) }),
    strict({ type: z.literal("advisor_redacted_result"), encrypted_content: label, stop_reason: maybe(option) }),
  ]),
  result("code_execution_tool_result", [
    failed("code_execution_tool_result_error"),
    strict({
      type: z.literal("code_execution_result"),
      content: outputs("code_execution_output"),
      return_code: whole,
      stderr: content,
      stdout: content,
    }),
    strict({
      type: z.literal("encrypted_code_execution_result"),
      content: outputs("code_execution_output"),
      encrypted_stdout: label,
      return_code: whole,
      stderr: content,
    }),
  ]),
  result("bash_code_execution_tool_result", [
    failed("bash_code_execution_tool_result_error"),
    strict({
      type: z.literal("bash_code_execution_result"),
      content: outputs("bash_code_execution_output"),
      return_code: whole,
      stderr: content,
      stdout: content,
    }),
  ]),
  result("text_editor_code_execution_tool_result", [
    failed("text_editor_code_execution_tool_result_error"),
    strict({
      type: z.literal("text_editor_code_execution_view_result"),
      content,
      file_type: option,
      num_lines: maybe(whole),
      start_line: maybe(whole),
      total_lines: maybe(whole),
    }),
    strict({ type: z.literal("text_editor_code_execution_create_result"), is_file_update: flag }),
    strict({
      type: z.literal("text_editor_code_execution_str_replace_result"),
      lines: maybe(list(content, 100_000)),
      new_lines: maybe(whole),
      new_start: maybe(whole),
      old_lines: maybe(whole),
      old_start: maybe(whole),
    }),
  ]),
  result("tool_search_tool_result", [
    failed("tool_search_tool_result_error"),
    strict({ type: z.literal("tool_search_tool_search_result"), tool_references: list(toolReference, MOST_TOOLS) }),
  ]),
] as const;

// Tools.

const common = {
  allowed_callers: maybe(list(option, 16)),
  cache_control,
  defer_loading: maybe(flag),
  description: maybe(label),
  eager_input_streaming: maybe(flag),
  input_examples: maybe(list(freeForm, 100)),
  strict: maybe(flag),
};
const domains = { allowed_domains: maybe(list(parameter(256))), blocked_domains: maybe(list(parameter(256))) };
const urlSource = maybe(
  oneOf("type", [
    strict({ type: z.literal(["all", "none"]) }),
    strict({
      type: z.literal(["only", "except"]),
      tools: list(strict({ type: z.literal("tool_reference"), name: toolName }), MOST_TOOLS),
    }),
  ]),
);

const tool = oneOf(
  "type",
  [
    strict({ type: z.literal("custom").nullish(), name: toolName, input_schema: jsonSchema, ...common }),
    strict({
      type: z.literal([
        "bash_20241022",
        "bash_20250124",
        "memory_20250818",
        "text_editor_20241022",
        "text_editor_20250124",
        "text_editor_20250429",
        "text_editor_20250728",
        "code_execution_20250522",
        "code_execution_20250825",
        "code_execution_20260120",
        "code_execution_20260521",
        "tool_search_tool_bm25",
        "tool_search_tool_bm25_20251119",
        "tool_search_tool_regex",
        "tool_search_tool_regex_20251119",
      ]),
      name: toolName,
      max_characters: maybe(whole),
      ...common,
    }),
    strict({
      type: z.literal(["computer_20241022", "computer_20250124", "computer_20251124"]),
      name: toolName,
      display_height_px: whole,
      display_width_px: whole,
      display_number: maybe(whole),
      enable_zoom: maybe(flag),
      ...common,
    }),
    strict({
      type: z.literal(["browser_toolset_20260801", "computer_toolset_20260801"]),
      cache_control,
      configs: maybe(pairs(option, maybe(strict({ defer_loading: maybe(flag), enabled: maybe(flag) })))),
    }),
    strict({
      type: z.literal(["web_search_20250305", "web_search_20260209", "web_search_20260318"]),
      name: toolName,
      max_uses: maybe(whole),
      response_inclusion: maybe(option),
      user_location: maybe(
        strict({
          type: z.literal("approximate"),
          city: maybe(parameter(256)),
          country: maybe(parameter(256)),
          region: maybe(parameter(256)),
          timezone: maybe(parameter(256)),
        }),
      ),
      ...domains,
      ...common,
    }),
    strict({
      type: z.literal(["web_fetch_20250910", "web_fetch_20260209", "web_fetch_20260309", "web_fetch_20260318"]),
      name: toolName,
      citations,
      max_content_tokens: maybe(whole),
      max_uses: maybe(whole),
      response_inclusion: maybe(option),
      url_sources: maybe(
        strict({ client_tool_results: urlSource, server_tool_results: urlSource, user_input: urlSource }),
      ),
      use_cache: maybe(flag),
      ...domains,
      ...common,
    }),
  ],
  {
    mcp: HOSTED_MCP,
    mcp_toolset: HOSTED_MCP,
    advisor_20260301:
      "leave it out: this tool names a second model, whose use by this client the gateway would not check",
  },
);

// Messages.

const addition = strict({
  type: z.literal("tool_addition"),
  tool: oneOf(
    "type",
    [
      strict({ type: z.literal("tool_reference"), name: toolName }),
      strict({ type: z.literal("tool_definition"), definition: tool }),
    ],
    { mcp_tool_reference: HOSTED_MCP, mcp_toolset_reference: HOSTED_MCP },
  ),
  cache_control,
});
const removal = strict({
  type: z.literal("tool_removal"),
  tool: oneOf("type", [strict({ type: z.literal("tool_reference"), name: toolName })], {
    mcp_tool_reference: HOSTED_MCP,
    mcp_toolset_reference: HOSTED_MCP,
  }),
  cache_control,
});

const toolUse = { id, input: freeForm, name: parameter(256), cache_control, caller };

const block = oneOf(
  "type",
  [
    textBlock,
    imageBlock,
    documentBlock,
    searchResultBlock,
    strict({ type: z.literal("thinking"), thinking: content, signature: label }),
    strict({ type: z.literal("redacted_thinking"), data: label }),
    strict({ type: z.literal("tool_use"), toolset_name: maybe(parameter(256)), ...toolUse }),
    strict({
      type: z.literal("tool_result"),
      tool_use_id: id,
      content: maybe(
        textOr(
          oneOf("type", [textBlock, imageBlock, searchResultBlock, documentBlock, toolReference, browserStateBlock]),
        ),
      ),
      is_error: maybe(flag),
      toolset_name: maybe(parameter(256)),
      cache_control,
    }),
    strict({ type: z.literal("server_tool_use"), ...toolUse }),
    ...serverToolResults,
    strict({ type: z.literal("container_upload"), file_id: fileId, cache_control }),
    strict({
      type: z.literal("compaction"),
      cache_control,
      content: maybe(content),
      encrypted_content: maybe(label),
      signature: maybe(label),
      tool_changes: maybe(list(oneOf("type", [addition, removal]), MOST_TOOLS)),
    }),
    addition,
    removal,
  ],
  { mcp_tool_use: HOSTED_MCP, mcp_tool_result: HOSTED_MCP, mcp_tool_listing: HOSTED_MCP },
);

const outputFormat = maybe(strict({ type: z.literal("json_schema"), schema: jsonSchema, name: maybe(toolName) }));

const message = oneOf("role", [
  strict({ role: z.literal(["user", "assistant"]), content: textOr(block) }),
  strict({
    role: z.literal("system"),
    content: maybe(textOr(oneOf("type", [textBlock, addition, removal]))),
    clear_at: maybe(option),
    output_config: maybe(strict({ effort: maybe(option) })),
  }),
]);

const amount = <T extends string>(...types: readonly T[]) => maybe(strict({ type: z.literal(types), value: whole }));
const binding = { block_binding: maybe(strict({ prefix_mismatch_behavior: maybe(option) })), display: maybe(option) };
const parallel = { disable_parallel_tool_use: maybe(flag) };

const counted = {
  model,
  messages: list(message, MOST_MESSAGES),
  billing_policy: maybe(strict({ type: z.literal("billing_policy"), bill_to: maybe(option) })),
  cache_control,
  compaction: maybe(strict({ type: z.literal("summarize"), instructions: maybe(content) })),
  context_management: maybe(
    strict({
      edits: maybe(
        list(
          oneOf("type", [
            strict({
              type: z.literal("clear_tool_uses_20250919"),
              clear_at_least: amount("input_tokens"),
              clear_tool_inputs: maybe(either("true, false or a list of names", flag, list(toolName, MOST_TOOLS))),
              exclude_tools: maybe(list(toolName, MOST_TOOLS)),
              keep: amount("tool_uses"),
              trigger: amount("input_tokens", "tool_uses"),
            }),
            strict({
              type: z.literal("clear_thinking_20251015"),
              keep: maybe(
                either(
                  "all or an object with a type",
                  z.literal("all"),
                  oneOf("type", [
                    strict({ type: z.literal("all") }),
                    strict({ type: z.literal("thinking_turns"), value: whole }),
                  ]),
                ),
              ),
            }),
            strict({
              type: z.literal("compact_20260112"),
              instructions: maybe(content),
              pause_after_compaction: maybe(flag),
              trigger: amount("input_tokens"),
            }),
          ]),
          16,
        ),
      ),
    }),
  ),
  mcp_servers: refused(HOSTED_MCP),
  output_config: maybe(
    strict({
      effort: maybe(option),
      format: outputFormat,
      task_budget: maybe(strict({ type: z.literal("tokens"), total: whole, remaining: maybe(whole) })),
    }),
  ),
  output_format: outputFormat,
  speed: maybe(option),
  system: maybe(textOr(textBlock)),
  thinking: maybe(
    oneOf("type", [
      strict({ type: z.literal("enabled"), budget_tokens: whole, ...binding }),
      strict({ type: z.literal("adaptive"), ...binding }),
      strict({ type: z.literal(["disabled", "between_tools"]) }),
    ]),
  ),
  tool_choice: maybe(
    oneOf("type", [
      strict({ type: z.literal(["auto", "any"]), ...parallel }),
      strict({ type: z.literal("tool"), name: toolName, ...parallel }),
      strict({ type: z.literal("none") }),
    ]),
  ),
  tools: maybe(list(tool, MOST_TOOLS)),
};

export const countTokensBody = strict(counted);

const OTHER_MODELS = "leave it out: other models than the one of this request are chosen by the gateway";

export const messagesBody = strict({
  ...counted,
  max_tokens: whole.min(0),
  container: maybe(
    either(
      "an id or an object",
      resourceId,
      strict({
        id: maybe(resourceId),
        skills: maybe(list(strict({ type: option, skill_id: resourceId, version: maybe(parameter(100)) }), 32)),
      }),
    ),
  ),
  diagnostics: maybe(strict({ previous_message_id: maybe(resourceId) })),
  fallback_credit_token: refused(OTHER_MODELS),
  // Anthropic's own parameter of this name would be LiteLLM's: its entries are merged into the call
  // (fallback_event_handlers.py:131).
  fallbacks: refused(OTHER_MODELS),
  inference_geo: maybe(option),
  // LiteLLM makes a parameter `user` of it (adapters/transformation.py:352), which it then replaces like any other.
  metadata: maybe(strict({ user_id: maybe(parameter(2_048)) })),
  service_tier: maybe(option),
  stop_sequences: maybe(list(parameter(1_024), 64)),
  stream: maybe(flag),
  temperature: maybe(number),
  thread: refused("leave it out: send the messages themselves, the gateway keeps no threads"),
  top_k: maybe(whole),
  top_p: maybe(number),
});

/** A text that LiteLLM would take for a secret's name is a list of one block to it (see `isReference`). */
export const protectSystem = (body: Readonly<Record<string, unknown>>) =>
  typeof body.system === "string" && isReference(body.system)
    ? { ...body, system: [{ type: "text", text: body.system }] }
    : body;
