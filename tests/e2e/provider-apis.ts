import { type Provider, serve } from "./provider.ts";

/** What each of the stand-ins says. */
export const SAID_BY = { openai: "by OpenAI", anthropic: "by Anthropic", gemini: "by Gemini" } as const;

/**
 * STAND-INS for three providers at one address, each with its own path and form of answer; everything else is 404. What
 * LiteLLM sends them is in `heard`.
 */
export const providerApis = (address: string): Promise<Provider> =>
  serve(address, ({ method, path }, response) => {
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const { pathname } = new URL(path, "http://any");
    if (method === "POST" && pathname === "/openai/v1/chat/completions")
      return void json({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "gpt-5",
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: SAID_BY.openai } }],
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
      });
    if (method === "POST" && pathname === "/anthropic/v1/messages")
      return void json({
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude-opus-4-1",
        content: [{ type: "text", text: SAID_BY.anthropic }],
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 2 },
      });
    if (method === "POST" && pathname === "/gemini/models/gemini-2.5-pro:generateContent")
      return void json({
        candidates: [{ index: 0, finishReason: "STOP", content: { role: "model", parts: [{ text: SAID_BY.gemini }] } }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 3 },
        modelVersion: "gemini-2.5-pro",
      });
    return void json({ error: { message: "not played here" } }, 404);
  });
