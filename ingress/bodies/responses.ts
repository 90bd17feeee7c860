import { z } from "zod";
import { cacheOptions, moderation } from "./chat.ts";
import type { BodyProblem, McpTool } from "./parts.ts";
import {
  base64,
  content,
  dataUrl,
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
  refused,
  resourceId,
  strict,
  textOr,
  toolName,
  whole,
  withoutMarks,
} from "./parts.ts";

/** POST /v1/responses: openai 6.49.0, resources/responses, and what Codex sends beside it. */

const ADDRESS = "leave it out: put the file itself into file_data, the gateway downloads no addresses";
const TOP_LEVEL = "write another type: a tool of type mcp stands in the tools of the request itself";
const MCP_HISTORY =
  "write another item: what MCP tools did is not sent back; send the text of the answer, or the function_call and its output";

const breakpoint = maybe(strict({ mode: option }));
const status = maybe(option);
const caller = maybe(
  oneOf("type", [strict({ type: z.literal("direct") }), strict({ type: z.literal("program"), caller_id: id })]),
);
/** In an answer of the model, which may call what does not exist. */
const calledName = parameter(256);

// Content.

const inputText = strict({ type: z.literal("input_text"), text: content, prompt_cache_breakpoint: breakpoint });
const inputImage = strict({
  type: z.literal("input_image"),
  detail: maybe(option),
  file_id: maybe(fileId),
  image_url: maybe(dataUrl),
  prompt_cache_breakpoint: breakpoint,
});
const inputFile = strict({
  type: z.literal("input_file"),
  detail: maybe(option),
  file_data: maybe(dataUrl),
  file_id: maybe(fileId),
  file_url: refused(ADDRESS),
  filename: maybe(parameter(1_024)),
  prompt_cache_breakpoint: breakpoint,
});
const inputAudio = strict({ type: z.literal("input_audio"), input_audio: strict({ data: base64, format: option }) });
const input = [inputText, inputImage, inputFile] as const;

const logprob = { token: content, bytes: maybe(list(whole)), logprob: number };
const outputText = strict({
  type: z.literal("output_text"),
  text: content,
  annotations: maybe(
    list(
      oneOf("type", [
        strict({ type: z.literal("file_citation"), file_id: fileId, filename: label, index: whole }),
        strict({ type: z.literal("url_citation"), start_index: whole, end_index: whole, title: label, url: label }),
        strict({
          type: z.literal("container_file_citation"),
          container_id: resourceId,
          file_id: fileId,
          filename: label,
          start_index: whole,
          end_index: whole,
        }),
        strict({ type: z.literal("file_path"), file_id: fileId, index: whole }),
      ]),
    ),
  ),
  logprobs: maybe(list(strict({ ...logprob, top_logprobs: maybe(list(strict(logprob), 64)) }), 1_000_000)),
});
const refusal = strict({ type: z.literal("refusal"), refusal: content });

// Tools.

const allowed_callers = maybe(list(option, 8));
const functionTool = strict({
  type: z.literal("function"),
  name: toolName,
  allowed_callers,
  defer_loading: maybe(flag),
  description: maybe(label),
  output_schema: maybe(jsonSchema),
  parameters: maybe(jsonSchema),
  strict: maybe(flag),
});
const customTool = strict({
  type: z.literal("custom"),
  name: toolName,
  allowed_callers,
  defer_loading: maybe(flag),
  description: maybe(label),
  format: maybe(
    oneOf("type", [
      strict({ type: z.literal("text") }),
      strict({ type: z.literal("grammar"), definition: content, syntax: option }),
    ]),
  ),
});

const comparison = strict({
  type: z.literal(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]),
  key: parameter(256),
  value: either(
    "a text, a number, true, false or a list",
    parameter(1_024),
    number,
    flag,
    list(either("a text or a number", parameter(1_024), number)),
  ),
});
const all = z.literal(["and", "or"]);
/** The API nests filters without end; two levels are what its guides show. */
const filter = oneOf("type", [
  comparison,
  strict({
    type: all,
    filters: list(oneOf("type", [comparison, strict({ type: all, filters: list(comparison, 64) })]), 64),
  }),
]);

const place = {
  city: maybe(parameter(256)),
  country: maybe(parameter(256)),
  region: maybe(parameter(256)),
  timezone: maybe(parameter(256)),
};
const domains = maybe(list(parameter(256), 1_000));
const containerSettings = {
  file_ids: maybe(list(fileId, 1_000)),
  memory_limit: maybe(option),
  network_policy: maybe(
    oneOf("type", [
      strict({ type: z.literal("disabled") }),
      strict({ type: z.literal("allowlist"), allowed_domains: list(parameter(256), 1_000) }),
    ]),
  ),
};

const tools = [
  functionTool,
  customTool,
  strict({
    type: z.literal("namespace"),
    name: toolName,
    description: maybe(label),
    tools: list(oneOf("type", [functionTool, customTool], { mcp: TOP_LEVEL }), MOST_TOOLS),
  }),
  strict({
    type: z.literal("tool_search"),
    description: maybe(label),
    execution: maybe(option),
    parameters: maybe(jsonSchema),
  }),
  strict({ type: z.literal(["local_shell", "computer", "programmatic_tool_calling"]) }),
  strict({ type: z.literal("apply_patch"), allowed_callers }),
  strict({
    type: z.literal("shell"),
    allowed_callers,
    environment: maybe(
      oneOf("type", [
        strict({
          type: z.literal("container_auto"),
          ...containerSettings,
          skills: maybe(
            list(
              oneOf("type", [
                strict({ type: z.literal("skill_reference"), skill_id: resourceId, version: maybe(parameter(100)) }),
                strict({
                  type: z.literal("inline"),
                  name: label,
                  description: label,
                  source: strict({ type: z.literal("base64"), media_type: parameter(100), data: base64 }),
                }),
              ]),
              100,
            ),
          ),
        }),
        strict({
          type: z.literal("local"),
          skills: maybe(list(strict({ name: label, description: label, path: label }), 1_000)),
        }),
        strict({ type: z.literal("container_reference"), container_id: resourceId }),
      ]),
    ),
  }),
  strict({ type: z.literal("computer_use_preview"), display_height: whole, display_width: whole, environment: option }),
  strict({
    type: z.literal("code_interpreter"),
    container: either(
      "an id or an object of type auto",
      resourceId,
      strict({ type: z.literal("auto"), ...containerSettings }),
    ),
    allowed_callers,
  }),
  strict({
    type: z.literal("file_search"),
    vector_store_ids: list(resourceId, 100),
    filters: maybe(filter),
    max_num_results: maybe(whole),
    ranking_options: maybe(
      strict({
        hybrid_search: maybe(strict({ embedding_weight: number, text_weight: number })),
        ranker: maybe(option),
        score_threshold: maybe(number),
      }),
    ),
  }),
  strict({
    type: z.literal("image_generation"),
    action: maybe(option),
    background: maybe(option),
    input_fidelity: maybe(option),
    input_image_mask: maybe(strict({ file_id: maybe(fileId), image_url: maybe(dataUrl) })),
    model: refused("leave it out: it names a second model, whose use by this client the gateway would not check"),
    moderation: maybe(option),
    output_compression: maybe(whole),
    output_format: maybe(option),
    partial_images: maybe(whole),
    quality: maybe(option),
    size: maybe(option),
  }),
  strict({
    type: z.literal(["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"]),
    // Codex says with it whether pages that nobody has indexed may be read.
    external_web_access: maybe(flag),
    filters: maybe(strict({ allowed_domains: domains, blocked_domains: domains })),
    search_content_types: maybe(list(option, 8)),
    search_context_size: maybe(option),
    user_location: maybe(strict({ type: maybe(z.literal("approximate")), ...place })),
  }),
] as const;

const anyTool = oneOf("type", tools, { mcp: TOP_LEVEL });

const SERVER_URL = /^litellm_proxy(?:\/mcp\/([a-z][a-z0-9_-]*(?:,[a-z][a-z0-9_-]*)*))?$/;
const SERVER_URL_ADVICE =
  "write litellm_proxy, or litellm_proxy/mcp/<name> with the names of servers separated by commas";
const APPROVAL = "write never or always";

/** Only LiteLLM's own MCP servers: no address, no headers, no connector of the provider. */
const mcpTool = strict({
  type: z.literal("mcp"),
  server_label: parameter(128),
  server_url: pattern(SERVER_URL, SERVER_URL_ADVICE),
  require_approval: z.literal(["never", "always"], { error: APPROVAL }),
  // An empty list means all tools to LiteLLM (litellm_proxy_mcp_handler.py, _filter_mcp_tools_by_allowed_tools).
  allowed_tools: maybe(list(toolName, MOST_TOOLS).min(1)),
});

const topLevelTool = oneOf("type", [...tools, mcpTool]);

// Items of the conversation.

const action = (() => {
  const keys = maybe(list(parameter(64), 16));
  const at = { x: number, y: number };
  return oneOf("type", [
    strict({ type: z.literal("click"), button: option, ...at, keys }),
    strict({ type: z.literal(["double_click", "move"]), ...at, keys }),
    strict({ type: z.literal("drag"), path: list(strict(at)), keys }),
    strict({ type: z.literal("keypress"), keys: list(parameter(64), 16) }),
    strict({ type: z.literal(["screenshot", "wait"]) }),
    strict({ type: z.literal("scroll"), ...at, scroll_x: number, scroll_y: number, keys }),
    strict({ type: z.literal("type"), text: content }),
  ]);
})();

const safetyChecks = list(strict({ id, code: maybe(label), message: maybe(label) }), 64);
const optionalId = maybe(id);
const output = textOr(oneOf("type", input));

const item = oneOf(
  "type",
  [
    strict({
      type: z.literal("message").nullish(),
      role: z.enum(["user", "assistant", "system", "developer"]),
      content: textOr(oneOf("type", [...input, inputAudio, outputText, refusal])),
      id: optionalId,
      phase: maybe(option),
      status,
    }),
    strict({
      type: z.literal("function_call"),
      id: optionalId,
      call_id: id,
      name: calledName,
      namespace: maybe(calledName),
      arguments: content,
      caller,
      status,
    }),
    strict({ type: z.literal("function_call_output"), id: optionalId, call_id: id, output, caller, status }),
    strict({
      type: z.literal("custom_tool_call"),
      id: optionalId,
      call_id: id,
      name: calledName,
      namespace: maybe(calledName),
      input: content,
      caller,
      status,
    }),
    strict({ type: z.literal("custom_tool_call_output"), id: optionalId, call_id: id, output, caller, status }),
    strict({
      type: z.literal("reasoning"),
      id: optionalId,
      summary: list(strict({ type: z.literal("summary_text"), text: content })),
      content: maybe(list(strict({ type: z.literal(["reasoning_text", "text"]), text: content }))),
      encrypted_content: maybe(label),
      status,
    }),
    strict({ type: z.literal(["compaction", "compaction_summary"]), id: optionalId, encrypted_content: label }),
    strict({ type: z.literal("compaction_trigger") }),
    strict({ type: z.literal("item_reference"), id: resourceId }),
    strict({
      type: z.literal("web_search_call"),
      id: optionalId,
      action: maybe(
        oneOf("type", [
          strict({
            type: z.literal("search"),
            query: maybe(content),
            queries: maybe(list(content)),
            sources: maybe(list(strict({ type: z.literal("url"), url: label }))),
          }),
          strict({ type: z.literal("open_page"), url: maybe(label) }),
          strict({ type: z.literal("find_in_page"), pattern: content, url: label }),
        ]),
      ),
      status,
    }),
    strict({
      type: z.literal("file_search_call"),
      id,
      queries: list(content),
      results: maybe(
        list(
          strict({
            attributes: maybe(pairs(parameter(256), either("a text, a number, true or false", content, number, flag))),
            file_id: maybe(fileId),
            filename: maybe(label),
            score: maybe(number),
            text: maybe(content),
          }),
        ),
      ),
      status,
    }),
    strict({
      type: z.literal("computer_call"),
      id,
      call_id: id,
      action: maybe(action),
      actions: maybe(list(action)),
      pending_safety_checks: safetyChecks,
      status,
    }),
    strict({
      type: z.literal("computer_call_output"),
      id: optionalId,
      call_id: id,
      acknowledged_safety_checks: maybe(safetyChecks),
      output: strict({ type: z.literal("computer_screenshot"), file_id: maybe(fileId), image_url: maybe(dataUrl) }),
      status,
    }),
    strict({
      type: z.literal("image_generation_call"),
      id,
      result: maybe(base64),
      revised_prompt: maybe(content),
      status,
    }),
    strict({
      type: z.literal("code_interpreter_call"),
      id,
      code: maybe(content),
      container_id: resourceId,
      outputs: maybe(
        list(
          oneOf("type", [
            strict({ type: z.literal("logs"), logs: content }),
            strict({ type: z.literal("image"), url: dataUrl }),
          ]),
        ),
      ),
      status,
    }),
    strict({
      type: z.literal("local_shell_call"),
      id: optionalId,
      call_id: id,
      action: strict({
        type: z.literal("exec"),
        command: list(content, 10_000),
        env: maybe(pairs(parameter(256), content)),
        timeout_ms: maybe(whole),
        user: maybe(label),
        working_directory: maybe(label),
      }),
      status,
    }),
    strict({ type: z.literal("local_shell_call_output"), id, call_id: optionalId, output: content, status }),
    strict({
      type: z.literal("shell_call"),
      id: optionalId,
      call_id: id,
      action: strict({ commands: list(content), max_output_length: maybe(whole), timeout_ms: maybe(whole) }),
      caller,
      environment: maybe(
        oneOf("type", [
          strict({
            type: z.literal("local"),
            skills: maybe(list(strict({ name: label, description: label, path: label }))),
          }),
          strict({ type: z.literal("container_reference"), container_id: resourceId }),
        ]),
      ),
      status,
    }),
    strict({
      type: z.literal("shell_call_output"),
      id: optionalId,
      call_id: id,
      caller,
      max_output_length: maybe(whole),
      output: list(
        strict({
          outcome: oneOf("type", [
            strict({ type: z.literal("timeout") }),
            strict({ type: z.literal("exit"), exit_code: whole }),
          ]),
          stderr: content,
          stdout: content,
        }),
      ),
      status,
    }),
    strict({
      type: z.literal("apply_patch_call"),
      id: optionalId,
      call_id: id,
      caller,
      operation: oneOf("type", [
        strict({ type: z.literal(["create_file", "update_file"]), diff: content, path: label }),
        strict({ type: z.literal("delete_file"), path: label }),
      ]),
      status,
    }),
    strict({
      type: z.literal("apply_patch_call_output"),
      id: optionalId,
      call_id: id,
      caller,
      output: maybe(content),
      status,
    }),
    strict({
      type: z.literal("tool_search_call"),
      id: optionalId,
      call_id: optionalId,
      arguments: freeForm,
      execution: maybe(option),
      status,
    }),
    strict({
      type: z.literal("tool_search_output"),
      id: optionalId,
      call_id: optionalId,
      execution: maybe(option),
      tools: list(anyTool, MOST_TOOLS),
      status,
    }),
    strict({
      type: z.literal("additional_tools"),
      id: optionalId,
      role: z.literal("developer"),
      tools: list(anyTool, MOST_TOOLS),
    }),
    strict({ type: z.literal("program"), id, call_id: id, code: content, fingerprint: label }),
    strict({ type: z.literal("program_output"), id, call_id: id, result: content, status }),
  ],
  {
    mcp_call: MCP_HISTORY,
    mcp_list_tools: MCP_HISTORY,
    mcp_approval_request: MCP_HISTORY,
    mcp_approval_response: MCP_HISTORY,
  },
);

const chosenTool = [
  strict({ type: z.literal(["function", "custom"]), name: toolName }),
  strict({
    type: z.literal([
      "apply_patch",
      "shell",
      "file_search",
      "web_search",
      "web_search_preview",
      "web_search_preview_2025_03_11",
      "computer",
      "computer_use",
      "computer_use_preview",
      "image_generation",
      "code_interpreter",
      "local_shell",
      "programmatic_tool_calling",
    ]),
  }),
] as const;
const CHOSEN_MCP = "write function with the name <server>-<tool>: that is what a tool of an MCP server is to the model";

export const responsesBody = strict({
  model,
  input: maybe(either("a text or a list of items", content, list(item, MOST_MESSAGES))),
  background: z
    .literal(false, { error: "write false: an answer in the background cannot be fetched through this gateway" })
    .nullish(),
  // Codex's marks for OpenAI's own service; `withoutMarks` leaves them out.
  client_metadata: maybe(pairs(parameter(256), label)),
  context_management: maybe(list(strict({ type: option, compact_threshold: maybe(whole) }), 16)),
  // LiteLLM drops it without a word, and the model would not know what was said before.
  conversation: refused(
    "leave it out: the gateway keeps no conversations, send the items themselves or previous_response_id",
  ),
  include: maybe(list(option, 32)),
  instructions: maybe(label),
  max_output_tokens: maybe(whole),
  max_tool_calls: maybe(whole),
  metadata: maybe(metadata),
  moderation,
  parallel_tool_calls: maybe(flag),
  // One of LiteLLM's is base64 of provider, deployment and id; it only narrows to a deployment of the model that was
  // asked for. Whose it is: `given.ts`.
  previous_response_id: maybe(pattern(/^[A-Za-z0-9][A-Za-z0-9_+/=.-]{0,2047}$/, "write the id of an earlier response")),
  prompt: refused(
    "leave it out: prompts stored with the provider, and their tools, are not for clients; send instructions and input",
  ),
  prompt_cache_key: maybe(parameter(512)),
  prompt_cache_options: cacheOptions,
  prompt_cache_retention: maybe(option),
  reasoning: maybe(
    strict({
      context: maybe(option),
      effort: maybe(option),
      generate_summary: maybe(option),
      mode: maybe(option),
      summary: maybe(option),
    }),
  ),
  safety_identifier: maybe(parameter(512)),
  service_tier: maybe(option),
  store: maybe(flag),
  stream: maybe(flag),
  stream_options: maybe(strict({ include_obfuscation: maybe(flag) })),
  temperature: maybe(number),
  text: maybe(
    strict({
      format: maybe(
        oneOf("type", [
          strict({ type: z.literal(["text", "json_object"]) }),
          strict({
            type: z.literal("json_schema"),
            name: toolName,
            schema: jsonSchema,
            description: maybe(label),
            strict: maybe(flag),
          }),
        ]),
      ),
      verbosity: maybe(option),
    }),
  ),
  tool_choice: maybe(
    either(
      "a word or an object",
      option,
      oneOf(
        "type",
        [
          ...chosenTool,
          strict({
            type: z.literal("allowed_tools"),
            mode: option,
            tools: list(oneOf("type", chosenTool, { mcp: CHOSEN_MCP }), MOST_TOOLS),
          }),
        ],
        {
          mcp: CHOSEN_MCP,
        },
      ),
    ),
  ),
  tools: maybe(list(topLevelTool, MOST_TOOLS)),
  top_logprobs: maybe(whole),
  top_p: maybe(number),
  truncation: maybe(option),
  user: maybe(parameter(512)),
});

type Tools = readonly z.infer<typeof topLevelTool>[];
type Mcp = z.infer<typeof mcpTool>;

/**
 * What LiteLLM makes of several tools together (responses/mcp/litellm_proxy_mcp_handler.py): it runs **every** function
 * that the model calls as soon as one tool says never, and takes the allowed tools of all entries together. So what is
 * written beside a tool must mean the same.
 */
function conflicts(tools: Tools): BodyProblem[] {
  const mcp = tools.flatMap((tool, index) => (tool.type === "mcp" ? [{ tool, index }] : []));
  const problems: BodyProblem[] = [];
  for (const { tool, index } of mcp.slice(1)) {
    const first = mcp[0]?.tool;
    if (tool.require_approval !== first?.require_approval) {
      problems.push({
        path: `tools[${index}].require_approval`,
        message: "write the same in every tool of type mcp: LiteLLM runs the calls of all as soon as one says never",
      });
    }
    if (!tool.allowed_tools !== !first?.allowed_tools) {
      problems.push({
        path: `tools[${index}].allowed_tools`,
        message: "write it in every tool of type mcp or in none: LiteLLM takes the lists of all together",
      });
    }
  }
  if (mcp.some(({ tool }) => tool.require_approval === "never")) {
    for (const [index, tool] of tools.entries()) {
      if (!["function", "custom", "namespace", "tool_search"].includes(tool.type)) continue;
      problems.push({
        path: `tools[${index}].type`,
        message:
          "write no tool of your own beside type mcp with require_approval never: LiteLLM would run its calls as well",
      });
    }
  }
  return problems;
}

const serversOf = ({ server_url }: Mcp): readonly string[] | undefined => SERVER_URL.exec(server_url)?.[1]?.split(",");

/**
 * One tool a server. LiteLLM takes `a,b` for one name (litellm_proxy_mcp_handler.py, _get_mcp_tools_from_manager), and
 * for a name that it does not know it gives all servers that the key has (mcp_server/server.py,
 * _get_allowed_mcp_servers_from_mcp_server_names).
 */
const oneServerEach = (tool: Tools[number]): Tools => {
  const servers = tool.type === "mcp" ? serversOf(tool) : undefined;
  return servers ? servers.map((server) => ({ ...tool, server_url: `litellm_proxy/mcp/${server}` }) as Mcp) : [tool];
};

/** The rules that no schema of a single key can say, and the body as LiteLLM is to see it. */
export function acceptResponses(
  body: Readonly<Record<string, unknown>>,
):
  | { readonly body: Readonly<Record<string, unknown>>; readonly mcpTools: readonly McpTool[] }
  | { readonly problems: readonly BodyProblem[] } {
  const sent = withoutMarks(body);
  const tools = (sent.tools ?? []) as Tools;
  const problems = conflicts(tools);
  if (problems.length > 0) return { problems };
  const { input } = sent;
  // A text that LiteLLM would take for a secret's name is a list of one message to it (see `isReference`).
  if (typeof input === "string" && isReference(input))
    sent.input = [{ role: "user", content: [{ type: "input_text", text: input }] }];
  const single = tools.flatMap(oneServerEach);
  if (single.length > MOST_TOOLS)
    return {
      problems: [
        { path: "tools", message: `write at most ${MOST_TOOLS} entries, each name of an MCP server counted as one` },
      ],
    };
  if (sent.tools) sent.tools = single;
  return {
    body: sent,
    mcpTools: tools.flatMap((tool) =>
      tool.type === "mcp"
        ? [
            {
              serverLabel: tool.server_label,
              servers: serversOf(tool),
              allowedTools: tool.allowed_tools ?? undefined,
              requireApproval: tool.require_approval,
            },
          ]
        : [],
    ),
  };
}
