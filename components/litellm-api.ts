/** A call of LiteLLM's admin API that did not succeed. */
export class LiteLlmApiError extends Error {
  /** HTTP status; undefined when LiteLLM did not answer at all. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = "LiteLlmApiError";
    this.status = status;
  }
}

/** Tools of one server that a key may call. */
export interface ToolRule {
  /** null: all but the denied. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
}

/** A key's `metadata.mcp_policy`. */
export interface McpPolicy {
  readonly servers: Readonly<Record<string, ToolRule>>;
  /** Every tool of every server: only then may a model call tools by itself (`/v1/responses`), where LiteLLM asks nobody. */
  readonly everything: boolean;
}

/** What a virtual key may do; the shape LiteLLM takes at /key/generate and /key/update. */
export interface KeyGrant {
  readonly key_alias: string;
  readonly models: readonly string[];
  /** What `gateway_policy.py` enforces. */
  readonly metadata: { readonly mcp_policy: McpPolicy };
  readonly allowed_routes: readonly string[];
  readonly object_permission: {
    readonly mcp_access_groups: readonly string[];
    /** Server id → tools; a server that is not named has no limit. Versions before 1.78.0 refuse or ignore the key. */
    readonly mcp_tool_permissions?: Readonly<Record<string, readonly string[]>>;
  };
  /** null lifts an earlier limit. */
  readonly rpm_limit: number | null;
  /** US dollars; null lifts an earlier limit. */
  readonly max_budget: number | null;
}

const TIMEOUT_MS = 30_000;

/** LiteLLM's admin API for keys, called with the master key. */
export class LiteLlmApi {
  readonly #url: string;
  readonly #masterKey: string;

  constructor(url: string, masterKey: string) {
    this.#url = url;
    this.#masterKey = masterKey;
  }

  async #call(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#masterKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: Error) => {
      const cause = error.cause instanceof Error ? error.cause.message : error.message;
      throw new LiteLlmApiError(`no answer from LiteLLM at ${this.#url}: ${cause}`);
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    // The query holds the key itself, and a refusal may repeat what was sent: Pulumi prints the error as it is.
    const route = path.split("?")[0];
    const said = text.replace(/sk-[\w-]+/g, "sk-…").slice(0, 500);
    throw new LiteLlmApiError(`LiteLLM ${method} ${route}: HTTP ${response.status} ${said}`, response.status);
  }

  async keyExists(key: string): Promise<boolean> {
    try {
      await this.#call("GET", `/key/info?key=${encodeURIComponent(key)}`);
      return true;
    } catch (error) {
      if (error instanceof LiteLlmApiError && error.status === 404) return false;
      throw error;
    }
  }

  /** Makes the key or brings an existing one to `grant`. /key/generate on an existing key answers 200 and stores nothing, hence the question first. */
  async putKey(key: string, grant: KeyGrant): Promise<void> {
    await this.#call("POST", (await this.keyExists(key)) ? "/key/update" : "/key/generate", { key, ...grant });
  }

  async deleteKey(key: string): Promise<void> {
    if (await this.keyExists(key)) await this.#call("POST", "/key/delete", { keys: [key] });
  }
}
