import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";

/** What JSON-RPC carries; its contents go through as they are, so they have no other type here. */
export type Json = Readonly<Record<string, unknown>>;
export type Id = string | number;

/** How a request ended: what the server said, without the id, which belongs to one connection. */
export type Outcome =
  | { readonly result: Json }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } };

export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isId = (value: unknown): value is Id => typeof value === "string" || typeof value === "number";

export const without = (json: Json, key: string): Json =>
  Object.fromEntries(Object.entries(json).filter(([each]) => each !== key));

/** The result of a tool that failed, as a model reads it. LiteLLM 1.77.3 drops `isError`: a failure is known by its first word. */
export const failedCall = (text: string): Outcome => ({
  result: { content: [{ type: "text", text: `Error: ${text}` }], isError: true },
});

export const answerTo = (id: Id, outcome: Outcome) => ({ jsonrpc: "2.0", id, ...outcome }) as JSONRPCMessage;

export const notification = (method: string, params?: Json) =>
  ({ jsonrpc: "2.0", method, ...(params && { params }) }) as JSONRPCMessage;

/** `answer` of a server with a proper result or error in it, whatever it was. */
export function outcomeOf({ result, error }: Json): Outcome {
  if (isJson(result)) return { result };
  if (!isJson(error)) return { error: { code: INTERNAL_ERROR, message: "the server's answer has no result" } };
  const { code, message, data } = error;
  return {
    error: {
      code: Number.isSafeInteger(code) ? (code as number) : INTERNAL_ERROR,
      message: typeof message === "string" ? message : "the server's error has no message",
      ...(data !== undefined && { data }),
    },
  };
}
