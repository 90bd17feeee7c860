import type { z } from "zod";
import { chatBody } from "./chat.ts";
import { embeddingsBody, protectInput } from "./embeddings.ts";
import { countTokensBody, messagesBody, protectSystem } from "./messages.ts";
import { check, type AcceptedBody, type McpTool, type RefusedBody, withoutMarks } from "./parts.ts";
import { acceptResponses, responsesBody } from "./responses.ts";

export type { AcceptedBody, BodyProblem, McpTool, RefusedBody } from "./parts.ts";
export type ModelRoute =
  "/v1/chat/completions" | "/v1/responses" | "/v1/messages" | "/v1/messages/count_tokens" | "/v1/embeddings";

const SCHEMAS: Readonly<Record<ModelRoute, z.ZodType>> = {
  "/v1/chat/completions": chatBody,
  "/v1/responses": responsesBody,
  "/v1/messages": messagesBody,
  "/v1/messages/count_tokens": countTokensBody,
  "/v1/embeddings": embeddingsBody,
};

/** The body of a model request as LiteLLM may see it, or what is wrong with it: at most 20 problems. */
export function acceptBody(route: ModelRoute, value: unknown): AcceptedBody | RefusedBody {
  const checked = check(SCHEMAS[route], value);
  if ("ok" in checked) return checked;
  switch (route) {
    case "/v1/responses": {
      const answer = acceptResponses(checked.body);
      return "problems" in answer ? { ok: false, problems: answer.problems } : accepted(answer.body, answer.mcpTools);
    }
    case "/v1/embeddings":
      return accepted(protectInput(checked.body), []);
    case "/v1/messages":
    case "/v1/messages/count_tokens":
      return accepted(protectSystem(checked.body), []);
    case "/v1/chat/completions":
      return accepted(withoutMarks(checked.body), []);
  }
}

const accepted = (body: AcceptedBody["body"], mcpTools: readonly McpTool[]): AcceptedBody => ({
  ok: true,
  body,
  model: body.model as string,
  stream: body.stream === true,
  mcpTools,
});
