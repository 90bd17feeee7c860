import { randomUUID } from "node:crypto";
import type { AcceptedBody, McpTool } from "./bodies/index.ts";
import { asRefusal, callTool, type McpCaller, type McpContext, textOf } from "./mcp.ts";
import { explain } from "./diagnosis.ts";
import { Refusal } from "./refusal.ts";
import { narrow, splitName } from "./rights.ts";
import { type ListedTool, visibleTools } from "./tools.ts";

type Json = Readonly<Record<string, unknown>>;

/** How often, in one request, a model may ask for tools and get their results. */
const MOST_ROUNDS = 4;
const MOST_CALLS = 32;

interface FunctionCall {
  readonly type: "function_call";
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
}

/**
 * `/v1/responses` with tools of `type: mcp`. LiteLLM would run them by itself, asking nobody whose they are and
 * recording nothing; so it is given plain functions, and what the model asks for is called here, one by one, by the way
 * of every other call: the client's rights, an audit line before and after.
 *
 * @returns The last answer, with an item `mcp_call` for each call that was made.
 */
export async function respondWithTools(
  context: McpContext,
  caller: Omit<McpCaller, "servers">,
  { body, stream, mcpTools }: AcceptedBody,
): Promise<Json> {
  if (stream)
    throw new Refusal(
      400,
      "bad request",
      "tools of type mcp are run without stream only: leave stream out, or connect your client to /mcp/ and let it call the tools itself",
    );
  const offered = new Map<
    string,
    { readonly tool: ListedTool; readonly from: McpTool; readonly servers: readonly string[] }
  >();
  const listed = await context.tools.get().catch((error: Error) => {
    throw asRefusal(error);
  });
  for (const from of mcpTools) {
    const servers = narrow(context.rights, caller.client, from.servers);
    if ("refused" in servers) throw new Refusal(403, "not allowed", servers.refused);
    for (const tool of visibleTools(listed, caller.client, servers)) {
      const isAllowed =
        from.allowedTools === undefined ||
        from.allowedTools.some((name) => name === tool.name || name === splitName(tool.name)?.tool);
      if (isAllowed) offered.set(tool.name, { tool, from, servers });
    }
  }
  const {
    tools = [],
    input,
    tool_choice,
    max_tool_calls,
    ...rest
  } = body as Json & { tools?: readonly Json[]; max_tool_calls?: number };
  const functions = [...offered.values()].map(({ tool }) => ({
    type: "function",
    name: tool.name,
    description: tool["description"] ?? "",
    parameters: tool["inputSchema"] ?? {},
    strict: false,
  }));
  const items: Json[] =
    typeof input === "string" ? [{ type: "message", role: "user", content: input }] : [...((input ?? []) as Json[])];
  const calls: Json[] = [];
  const most = Math.min(max_tool_calls ?? MOST_CALLS, MOST_CALLS);
  for (let round = 0; ; round++) {
    const answered = await context.litellm
      .ask({
        method: "POST",
        path: "/v1/responses",
        key: caller.key,
        // A choice that forces a tool is for the first answer only: kept, it would make the model call tools for ever.
        body: {
          ...rest,
          input: items,
          tools: [...tools.filter(({ type }) => type !== "mcp"), ...functions],
          ...(tool_choice !== undefined && round === 0 && { tool_choice }),
        },
      })
      .catch((error: Error) => {
        throw asRefusal(error);
      });
    if (answered.status !== 200) throw await explain(context.diagnosis, caller.client, caller.key, answered);
    const response = (await answered.body.json()) as Json & { output?: readonly Json[] };
    const output = response.output ?? [];
    const asked = output.filter((item): item is Json & FunctionCall => item["type"] === "function_call");
    const runs = asked.filter(({ name }) => offered.get(name)?.from.requireApproval === "never");
    // The client itself runs its own functions, and decides about tools that need an approval.
    if (!runs.length || runs.length < asked.length || round === MOST_ROUNDS || calls.length + runs.length > most)
      return { ...response, output: [...calls, ...output] };
    items.push(...output.filter(({ type }) => type === "reasoning" || type === "message"));
    for (const { call_id, name, arguments: text } of runs) {
      const { from, servers } = offered.get(name)!;
      const result = await run(context, { ...caller, servers }, name, text);
      items.push(
        { type: "function_call", call_id, name, arguments: text },
        { type: "function_call_output", call_id, output: result.text },
      );
      calls.push({
        id: `mcp_${randomUUID().replaceAll("-", "")}`,
        type: "mcp_call",
        server_label: from.serverLabel,
        name,
        arguments: text,
        output: result.failed ? null : result.text,
        error: result.failed ? result.text : null,
      });
    }
  }
}

async function run(
  context: McpContext,
  caller: McpCaller,
  name: string,
  text: string,
): Promise<{ readonly text: string; readonly failed: boolean }> {
  let args: unknown;
  try {
    args = JSON.parse(text || "{}");
  } catch {
    return { text: "Error: the arguments are not JSON", failed: true };
  }
  if (typeof args !== "object" || args === null || Array.isArray(args))
    return { text: "Error: the arguments are not an object", failed: true };
  const result = await callTool(context, caller, name, args as Json);
  return { text: textOf(result), failed: result["isError"] === true };
}
