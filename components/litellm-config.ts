import { stringify } from "yaml";
import type { GatewaySettings, ModelSettings, ServerSettings } from "../settings/settings.ts";
import { mapValues } from "../settings/map-values.ts";

export interface LiteLlmConfigArgs {
  readonly models: readonly ModelSettings[];
  readonly servers: readonly Pick<ServerSettings, "name" | "url" | "register" | "description" | "accessGroups">[];
  /** Further settings, already checked against what the version reads. */
  readonly gateway: Pick<GatewaySettings, "generalSettings" | "litellmSettings">;
}

/** `components/gateway_policy.py` as LiteLLM finds it: a module beside config.yaml, and the object in it. */
export const POLICY_MODULE = "gateway_policy";
const POLICY_CALLBACK = `${POLICY_MODULE}.policy`;

/** LiteLLM reads a variable only where this is the whole value; `${NAME}` and text around it stay as they are. */
const fromEnv = (variable: string) => `os.environ/${variable}`;

/**
 * The access group that holds one server alone. Keys are given groups, because the ids LiteLLM 1.77.3 wants otherwise
 * change with a server's URL, and a stale id lists nothing.
 */
export const serverGroup = (server: string) => server;

/**
 * LiteLLM's config.yaml: no secret in it, keys sorted, so that its text changes only when a setting does (each change
 * replaces the container).
 */
export function renderLiteLlmConfig(args: LiteLlmConfigArgs): string {
  const config = {
    model_list: args.models.map(({ name, params, paramsFromEnv }) => ({
      model_name: name,
      litellm_params: { ...params, ...mapValues(paramsFromEnv, fromEnv) },
    })),
    mcp_servers: Object.fromEntries(
      args.servers.map((server) => [
        server.name,
        {
          url: server.url,
          // Left out, 1.77.3 takes `http`, whatever the documentation says.
          transport: server.register,
          description: server.description,
          access_groups: [...new Set([...server.accessGroups, serverGroup(server.name)])].sort(),
        },
      ]),
    ),
    general_settings: {
      store_prompts_in_spend_logs: true,
      ...args.gateway.generalSettings,
      // A master key that is empty turns authentication off; the container gets the variable from a required secret.
      master_key: fromEnv("LITELLM_MASTER_KEY"),
      database_url: fromEnv("DATABASE_URL"),
    },
    litellm_settings: { ...args.gateway.litellmSettings, json_logs: true, callbacks: [POLICY_CALLBACK] },
  };
  return stringify(config, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
}
