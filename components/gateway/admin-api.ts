import { createHash } from "node:crypto";
import http from "node:http";
import { LOOPBACK } from "../../settings/settings.ts";
import { type DockerEndpoint, isSsh, SshAgent } from "../docker/ssh-connection.ts";

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

/** What a virtual key may do; the shape LiteLLM takes at /key/generate and /key/update. */
export interface KeyGrant {
  readonly key_alias: string;
  readonly models: readonly string[];
  readonly allowed_routes: readonly string[];
  readonly object_permission: {
    /**
     * Ids of servers beside those of the groups: always none. Left out, servers that somebody added in LiteLLM's UI
     * would stay.
     */
    readonly mcp_servers: readonly string[];
    readonly mcp_access_groups: readonly string[];
    /** Server id → tools; a server that is not named has no limit. Versions before 1.78.0 refuse or ignore the key. */
    readonly mcp_tool_permissions?: Readonly<Record<string, readonly string[]>>;
  };
  /**
   * Always null, which lifts a limit that an earlier version set: the ingress counts requests, since it sees all of
   * them.
   */
  readonly rpm_limit: null;
  /** Tokens a minute; null lifts an earlier limit. */
  readonly tpm_limit: number | null;
  /** US dollars; null lifts an earlier limit. */
  readonly max_budget: number | null;
  /** Left out, LiteLLM keeps an earlier one; it has no word for none. */
  readonly budget_duration?: string;
}

/** What LiteLLM has stored of a key. In its UI all of it can be changed, and removed. */
export interface StoredKey {
  readonly key_alias: string | null;
  readonly models: readonly string[];
  readonly allowed_routes: readonly string[] | null;
  readonly object_permission: Partial<KeyGrant["object_permission"]> | null;
  readonly rpm_limit: number | null;
  readonly tpm_limit: number | null;
  readonly max_budget: number | null;
  readonly budget_duration: string | null;
}

/** The same, as a list of keys has it. */
type KeyRow = StoredKey & { readonly token: string; readonly spend: number };

/**
 * Where LiteLLM's admin API is: on a port of the host's loopback, which is reached through ssh when the daemon is. So
 * the master key crosses no network in clear text.
 */
export interface LiteLlmAdmin {
  readonly docker: DockerEndpoint;
  readonly port: number;
}

const TIMEOUT_MS = 30_000;

/** LiteLLM's admin API for keys, called with the master key. */
export class LiteLlmApi {
  readonly #admin: LiteLlmAdmin;
  readonly #masterKey: string;

  constructor(admin: LiteLlmAdmin, masterKey: string) {
    this.#admin = admin;
    this.#masterKey = masterKey;
  }

  async #call(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
    const { docker, port } = this.#admin;
    const { status, text } = await this.#request(method, path, body).catch((error: Error) => {
      const where = `${LOOPBACK}:${port}${isSsh(docker) ? ` of ${docker.host}` : ""}`;
      throw new LiteLlmApiError(`no answer from LiteLLM at ${where}: ${error.message}`);
    });
    if (status >= 200 && status < 300) return JSON.parse(text);
    // LiteLLM's answer may repeat a key that it was sent, and Pulumi prints the error.
    const route = path.split("?")[0];
    const said = text.replace(/sk-[\w-]+/g, "sk-…").slice(0, 500);
    throw new LiteLlmApiError(`LiteLLM ${method} ${route}: HTTP ${status} ${said}`, status);
  }

  #request(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    const { docker, port } = this.#admin;
    const content = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: LOOPBACK,
          port,
          method,
          path,
          ...(isSsh(docker) && { agent: new SshAgent(docker, { port }) }),
          headers: {
            authorization: `Bearer ${this.#masterKey}`,
            "content-type": "application/json",
            "content-length": Buffer.byteLength(content),
          },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          response.on("error", reject);
        },
      );
      request.on("error", reject);
      request.end(content);
    });
  }

  /**
   * The key as LiteLLM has it; undefined when it has no such key. It is asked for by its hash, because LiteLLM logs the
   * address of every request.
   */
  async findKey(key: string): Promise<StoredKey | undefined> {
    const hash = createHash("sha256").update(key).digest("hex");
    // Not /key/info: on 1.77.3 it leaves out the groups.
    const { keys } = (await this.#call("GET", `/key/list?key_hash=${hash}&return_full_object=true`)) as {
      keys: StoredKey[];
    };
    return keys[0];
  }

  /**
   * Makes the key, or gives an existing one the rights of `grant`. It asks first, because /key/generate with an
   * existing key answers 200 and stores nothing.
   *
   * A new key takes over the alias, and what was spent, from the key that has the alias. That key stays, under another
   * alias, and works until it is deleted.
   */
  async putKey(key: string, grant: KeyGrant): Promise<void> {
    if (await this.findKey(key)) {
      await this.#call("POST", "/key/update", { key, ...grant });
      return;
    }
    const spend = await this.#retire(grant.key_alias);
    // Left out when no key had the alias: LiteLLM then begins at 0.
    await this.#call("POST", "/key/generate", { key, ...grant, ...(spend && { spend }) });
  }

  /**
   * Takes an alias from the key that has it, if there is one: LiteLLM knows each alias once. Resolves to what that key
   * has spent.
   */
  async #retire(alias: string): Promise<number | undefined> {
    const { keys } = (await this.#call(
      "GET",
      `/key/list?key_alias=${encodeURIComponent(alias)}&return_full_object=true`,
    )) as { keys: KeyRow[] };
    const holder = keys.find(({ key_alias }) => key_alias === alias);
    if (!holder) return undefined;
    // The new alias has a colon, so it is no client's name. `token` is the key's hash, which LiteLLM takes in place of
    // the key.
    await this.#call("POST", "/key/update", {
      key: holder.token,
      key_alias: `${alias}:replaced-${holder.token.slice(0, 8)}`,
    });
    return holder.spend;
  }

  async deleteKey(key: string): Promise<void> {
    if (await this.findKey(key)) await this.#call("POST", "/key/delete", { keys: [key] });
  }
}
