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
    /** Servers beside those of the groups, by id: none. Left out, those that somebody added in LiteLLM's UI would stay. */
    readonly mcp_servers: readonly string[];
    readonly mcp_access_groups: readonly string[];
    /** Server id → tools; a server that is not named has no limit. Versions before 1.78.0 refuse or ignore the key. */
    readonly mcp_tool_permissions?: Readonly<Record<string, readonly string[]>>;
  };
  /** Requests are counted by the ingress, which sees all of them: null, which lifts a limit of an earlier version. */
  readonly rpm_limit: null;
  /** US dollars; null lifts an earlier limit. */
  readonly max_budget: number | null;
}

/** What LiteLLM has of a key; in its UI all of it can be changed, and taken away. */
export interface StoredKey {
  readonly key_alias: string | null;
  readonly models: readonly string[];
  readonly allowed_routes: readonly string[] | null;
  readonly object_permission: Partial<KeyGrant["object_permission"]> | null;
  readonly rpm_limit: number | null;
  readonly max_budget: number | null;
}

/** The same, as a list of keys has it. */
type KeyRow = StoredKey & { readonly token: string; readonly spend: number };

/** Where LiteLLM's admin API is: a port of the host's loopback, reached by ssh where the host is. The master key crosses no network in clear. */
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
    // A refusal may repeat what was sent: Pulumi prints the error as it is.
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

  /** The key as LiteLLM has it; undefined when it has none such. Asked for by its hash: LiteLLM logs the address of every request. */
  async findKey(key: string): Promise<StoredKey | undefined> {
    const hash = createHash("sha256").update(key).digest("hex");
    // Not /key/info: on 1.77.3 it leaves out the groups.
    const { keys } = (await this.#call("GET", `/key/list?key_hash=${hash}&return_full_object=true`)) as {
      keys: StoredKey[];
    };
    return keys[0];
  }

  /**
   * Makes the key or brings an existing one to `grant`. /key/generate on an existing key answers 200 and stores nothing, hence the
   * question first.
   *
   * A new key takes the alias and what was spent over from the key that had the alias. That one stays, under another alias, and works
   * until it is deleted.
   */
  async putKey(key: string, grant: KeyGrant): Promise<void> {
    if (await this.findKey(key)) {
      await this.#call("POST", "/key/update", { key, ...grant });
      return;
    }
    const spend = await this.#retire(grant.key_alias);
    // Left out where there is none: from a new key LiteLLM takes 0 all the same.
    await this.#call("POST", "/key/generate", { key, ...grant, ...(spend && { spend }) });
  }

  /** Takes an alias from the key that has it, if there is one: LiteLLM knows each alias once. Resolves to what that key has spent. */
  async #retire(alias: string): Promise<number | undefined> {
    const { keys } = (await this.#call(
      "GET",
      `/key/list?key_alias=${encodeURIComponent(alias)}&return_full_object=true`,
    )) as { keys: KeyRow[] };
    const holder = keys.find(({ key_alias }) => key_alias === alias);
    if (!holder) return undefined;
    // No client can have such a name, which has a colon. `token` is the key's hash, by which LiteLLM knows it as well.
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
