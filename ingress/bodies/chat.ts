import { z } from "zod";
import {
  base64,
  content,
  dataUrl,
  either,
  fileId,
  flag,
  id,
  jsonSchema,
  label,
  list,
  maybe,
  metadata,
  model,
  MOST_MESSAGES,
  MOST_TOOLS,
  number,
  oneOf,
  option,
  pairs,
  parameter,
  pattern,
  strict,
  textOr,
  toolName,
  whole,
} from "./parts.ts";

/** POST /v1/chat/completions: openai 6.49.0, resources/chat/completions. */

export const MCP_ADVICE =
  "write function or custom: MCP servers are used with a tool of type mcp in /v1/responses, or by an MCP client at /mcp/";

const breakpoint = maybe(strict({ mode: option }));

const textPart = strict({ type: z.literal("text"), text: content, prompt_cache_breakpoint: breakpoint });
const refusalPart = strict({ type: z.literal("refusal"), refusal: content });
const userPart = oneOf("type", [
  textPart,
  strict({
    type: z.literal("image_url"),
    image_url: strict({ url: dataUrl, detail: maybe(option) }),
    prompt_cache_breakpoint: breakpoint,
  }),
  strict({
    type: z.literal("input_audio"),
    input_audio: strict({ data: base64, format: option }),
    prompt_cache_breakpoint: breakpoint,
  }),
  strict({
    type: z.literal("file"),
    file: strict({ file_data: maybe(dataUrl), file_id: maybe(fileId), filename: maybe(parameter(1_024)) }),
    prompt_cache_breakpoint: breakpoint,
  }),
]);

const name = maybe(parameter(256));
/** In an answer of the model, which may call what does not exist. */
const calledName = parameter(256);

const toolCall = oneOf("type", [
  // `index` is in the answers that LiteLLM streams; clients send them back as they were.
  strict({
    type: z.literal("function"),
    id,
    function: strict({ name: calledName, arguments: content }),
    index: maybe(whole),
  }),
  strict({ type: z.literal("custom"), id, custom: strict({ name: calledName, input: content }), index: maybe(whole) }),
]);

const message = oneOf("role", [
  strict({ role: z.literal(["developer", "system"]), content: textOr(textPart), name }),
  strict({ role: z.literal("user"), content: textOr(userPart), name }),
  strict({
    role: z.literal("assistant"),
    content: maybe(textOr(oneOf("type", [textPart, refusalPart]))),
    refusal: maybe(content),
    name,
    audio: maybe(strict({ id, data: maybe(base64), expires_at: maybe(whole), transcript: maybe(content) })),
    function_call: maybe(strict({ name: calledName, arguments: content })),
    tool_calls: maybe(list(toolCall, MOST_TOOLS)),
    // Not of OpenAI's API: what LiteLLM's answers have beside it. Clients send whole answers back.
    annotations: maybe(
      list(
        strict({
          type: z.literal("url_citation"),
          url_citation: strict({ start_index: whole, end_index: whole, title: label, url: label }),
        }),
      ),
    ),
    reasoning_content: maybe(content),
    thinking_blocks: maybe(
      list(
        oneOf("type", [
          strict({ type: z.literal("thinking"), thinking: content, signature: maybe(label) }),
          strict({ type: z.literal("redacted_thinking"), data: label }),
        ]),
      ),
    ),
    provider_specific_fields: z.null().optional(),
  }),
  strict({ role: z.literal("tool"), content: textOr(textPart), tool_call_id: id, name }),
  strict({ role: z.literal("function"), content: content.nullable(), name: calledName }),
]);

const functionDefinition = strict({
  name: toolName,
  description: maybe(label),
  parameters: maybe(jsonSchema),
  strict: maybe(flag),
});

const tool = oneOf(
  "type",
  [
    strict({ type: z.literal("function"), function: functionDefinition }),
    strict({
      type: z.literal("custom"),
      custom: strict({
        name: toolName,
        description: maybe(label),
        format: maybe(
          oneOf("type", [
            strict({ type: z.literal("text") }),
            strict({ type: z.literal("grammar"), grammar: strict({ definition: content, syntax: option }) }),
          ]),
        ),
      }),
    }),
  ],
  { mcp: MCP_ADVICE },
);

const named = strict({ name: toolName });
const namedTool = [
  strict({ type: z.literal("function"), function: named }),
  strict({ type: z.literal("custom"), custom: named }),
] as const;

export const moderation = maybe(
  strict({
    model,
    policy: maybe(strict({ input: maybe(strict({ mode: option })), output: maybe(strict({ mode: option })) })),
  }),
);
export const cacheOptions = maybe(strict({ mode: maybe(option), ttl: maybe(option) }));

export const chatBody = strict({
  model,
  messages: list(message, MOST_MESSAGES),
  audio: maybe(strict({ format: option, voice: either("a voice or an object with its id", option, strict({ id })) })),
  frequency_penalty: maybe(number),
  function_call: maybe(either("auto, none or an object with a name", option, named)),
  functions: maybe(
    list(strict({ name: toolName, description: maybe(label), parameters: maybe(jsonSchema) }), MOST_TOOLS),
  ),
  logit_bias: maybe(pairs(pattern(/^\d{1,9}$/, "write the number of a token"), number)),
  logprobs: maybe(flag),
  max_completion_tokens: maybe(whole),
  max_tokens: maybe(whole),
  metadata: maybe(metadata),
  modalities: maybe(list(option, 8)),
  moderation,
  n: maybe(whole.min(1).max(8)),
  parallel_tool_calls: maybe(flag),
  prediction: maybe(strict({ type: z.literal("content"), content: textOr(textPart) })),
  presence_penalty: maybe(number),
  prompt_cache_key: maybe(parameter(512)),
  prompt_cache_options: cacheOptions,
  prompt_cache_retention: maybe(option),
  reasoning_effort: maybe(option),
  response_format: maybe(
    oneOf("type", [
      strict({ type: z.literal("text") }),
      strict({ type: z.literal("json_object") }),
      strict({
        type: z.literal("json_schema"),
        json_schema: strict({
          name: toolName,
          description: maybe(label),
          schema: maybe(jsonSchema),
          strict: maybe(flag),
        }),
      }),
    ]),
  ),
  safety_identifier: maybe(parameter(512)),
  seed: maybe(whole),
  service_tier: maybe(option),
  stop: maybe(either("a text or a list of texts", parameter(1_024), list(parameter(1_024), 16))),
  store: maybe(flag),
  stream: maybe(flag),
  stream_options: maybe(strict({ include_obfuscation: maybe(flag), include_usage: maybe(flag) })),
  temperature: maybe(number),
  tool_choice: maybe(
    either(
      "a word or an object",
      option,
      oneOf(
        "type",
        [
          ...namedTool,
          strict({
            type: z.literal("allowed_tools"),
            allowed_tools: strict({
              mode: option,
              tools: list(oneOf("type", namedTool, { mcp: MCP_ADVICE }), MOST_TOOLS),
            }),
          }),
        ],
        { mcp: MCP_ADVICE },
      ),
    ),
  ),
  tools: maybe(list(tool, MOST_TOOLS)),
  top_logprobs: maybe(whole),
  top_p: maybe(number),
  user: maybe(parameter(512)),
  verbosity: maybe(option),
  web_search_options: maybe(
    strict({
      search_context_size: maybe(option),
      user_location: maybe(
        strict({
          type: z.literal("approximate"),
          approximate: strict({
            city: maybe(parameter(256)),
            country: maybe(parameter(256)),
            region: maybe(parameter(256)),
            timezone: maybe(parameter(256)),
          }),
        }),
      ),
    }),
  ),
});
