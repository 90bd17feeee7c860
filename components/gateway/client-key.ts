import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { LiteLlmAdmin } from "./admin-api.ts";
import { moduleProvider } from "../docker/module-provider.ts";

export interface ClientKeyArgs {
  /** Where LiteLLM's admin API is. */
  readonly admin: LiteLlmAdmin;
  readonly masterKey: pulumi.Input<string>;
  /** LiteLLM's `key_alias`: the client's name in every log row. */
  readonly alias: string;
  /** Access groups of the MCP servers it may use; never empty, since LiteLLM 1.77 takes an empty list for all servers. */
  readonly groups: readonly string[];
  /** What LiteLLM itself enforces of that, by server id; undefined where the version knows no such thing. */
  readonly toolPermissions: Readonly<Record<string, readonly string[]>> | undefined;
  /** Models it may use. */
  readonly models: readonly string[];
  /** Routes of LiteLLM that it opens; those of a client when left out. */
  readonly routes?: readonly string[];
  /** US dollars. */
  readonly budget: number | undefined;
  /** The database the key lives in: dropped with it, the key needs no gateway that still answers. */
  readonly deletedWith: pulumi.Resource;
}

/** Inputs and outputs of the resource that registers a key. */
export interface ClientKeyProps {
  readonly admin: LiteLlmAdmin;
  readonly masterKey: string;
  readonly key: string;
  readonly alias: string;
  readonly groups: readonly string[];
  /** Paths of LiteLLM that the key opens; one that ends in `*` stands for all that begin so. */
  readonly routes: readonly string[];
  readonly toolPermissions?: Readonly<Record<string, readonly string[]>>;
  readonly models: readonly string[];
  readonly budget: number | null;
}

/**
 * The routes of LiteLLM that clients use, and no other. Its own name for them, `llm_api_routes`, opens some 130: among them
 * /utils/transform_request, which answers with any variable of the container, /v1/files, and every provider's pass-through.
 * LiteLLM compares a route as text; only a `*` at the end stands for more (`litellm/proxy/auth/route_checks.py`).
 */
const CLIENT_ROUTES = [
  "/mcp",
  // Also /mcp/<server>, and a list of servers or groups. What else LiteLLM has below /mcp/ (docs, enabled) asks nobody for a key.
  "/mcp/*",
  "/v1/models",
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/embeddings",
  // A client's own key, its spend and limits.
  "/key/info",
];

class LiteLlmKey extends pulumi.dynamic.Resource {
  constructor(name: string, props: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super(
      moduleProvider("./components/gateway/client-key.provider.ts", ["create", "update", "delete", "read"]),
      name,
      props,
      opts,
    );
  }
}

/** A client's virtual key in LiteLLM, with a value of its own that stays encrypted in the state. */
export class ClientKey extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:ClientKey";
  /** The key, secret. Known to LiteLLM before anything that uses this output runs. */
  readonly key: pulumi.Output<string>;

  constructor(name: string, args: ClientKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    super(ClientKey.TYPE, name, {}, opts);
    const value = new random.RandomPassword(`${name}-value`, { length: 40, special: false }, { parent: this });
    const key = pulumi.secret(pulumi.interpolate`sk-${value.result}`);
    const { admin, masterKey, alias, groups, toolPermissions, models, routes = CLIENT_ROUTES, budget } = args;
    const registered = new LiteLlmKey(
      `${name}-key`,
      {
        admin,
        masterKey: pulumi.secret(masterKey),
        key,
        alias,
        groups,
        // An input, not a constant of the provider: keys that are there already get other routes only if an input changes.
        routes,
        ...(toolPermissions && { toolPermissions }),
        models,
        budget: budget ?? null,
      },
      {
        parent: this,
        deletedWith: args.deletedWith,
        additionalSecretOutputs: ["key", "masterKey"],
        // Made beside the old key, which Pulumi deletes at the end of `up`: until the ingress has taken the new one, the old one works.
        replaceOnChanges: ["key"],
      },
    );
    this.key = pulumi.secret(pulumi.all([key, registered.id]).apply(([text]) => text));
    this.registerOutputs({});
  }
}
