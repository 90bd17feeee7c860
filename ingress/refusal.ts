import type { Dialect } from "./routes.ts";

/** A request that is refused; the message is for the client, the reason for metrics and logs. */
export class Refusal extends Error {
  readonly status: number;
  /** A word or two from a short list, such as "unknown key". */
  readonly reason: string;
  /** `details` of an error of Anthropic's API, which programs read. */
  readonly details: object | undefined;

  constructor(status: number, reason: string, message: string, details?: object) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** The refusal in the words of the API that the client speaks. */
export function errorBody(
  dialect: Dialect,
  { status, reason, message, details }: Refusal,
  id: string | number | null = null,
): unknown {
  switch (dialect) {
    case "mcp":
      return { jsonrpc: "2.0", id, error: { code: status === 400 ? -32600 : -32000, message } };
    case "anthropic":
      return {
        type: "error",
        error: { type: ANTHROPIC_TYPES[status] ?? "api_error", message, ...(details && { details }) },
      };
    case "openai":
      return {
        error: {
          message,
          type: status < 500 ? "invalid_request_error" : "server_error",
          param: null,
          code: reason.replaceAll(" ", "_"),
        },
      };
    case "plain":
      return { error: message };
  }
}
