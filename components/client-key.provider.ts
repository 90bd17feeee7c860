import { LiteLlmApi, LiteLlmApiError, type KeyGrant, type McpPolicy } from "./litellm-api.ts";

/** Inputs and outputs of the `ClientKey` resource. */
export interface ClientKeyProps {
  readonly gatewayUrl: string;
  readonly masterKey: string;
  readonly key: string;
  readonly alias: string;
  readonly groups: readonly string[];
  readonly policy: McpPolicy;
  /** Paths of LiteLLM that the key opens; one that ends in `*` stands for all that begin so. */
  readonly routes: readonly string[];
  readonly toolPermissions?: Readonly<Record<string, readonly string[]>>;
  readonly models: readonly string[];
  readonly rpm: number | null;
  readonly budget: number | null;
}

const api = (props: ClientKeyProps) => new LiteLlmApi(props.gatewayUrl, props.masterKey);

const grant = ({ alias, groups, policy, routes, toolPermissions, models, rpm, budget }: ClientKeyProps): KeyGrant => ({
  key_alias: alias,
  models,
  metadata: { mcp_policy: policy },
  allowed_routes: routes,
  object_permission: { mcp_access_groups: groups, ...(toolPermissions && { mcp_tool_permissions: toolPermissions }) },
  rpm_limit: rpm,
  max_budget: budget,
});

export async function create(props: ClientKeyProps) {
  await api(props).putKey(props.key, grant(props));
  return { id: props.alias, outs: props };
}

export async function update(_id: string, olds: ClientKeyProps, news: ClientKeyProps) {
  // An alias is unique in LiteLLM: the key it belonged to goes before the next one comes.
  if (olds.key !== news.key) await api(news).deleteKey(olds.key);
  await api(news).putKey(news.key, grant(news));
  return { outs: news };
}

async function remove(_id: string, props: ClientKeyProps) {
  await api(props).deleteKey(props.key);
}
export { remove as delete };

/** For `pulumi refresh`: a key that LiteLLM no longer has leaves the state. */
export async function read(id: string, props: ClientKeyProps) {
  try {
    return (await api(props).keyExists(props.key)) ? { id, props } : {};
  } catch (error) {
    if (!(error instanceof LiteLlmApiError) || error.status !== undefined) throw error;
    // A gateway that is down says nothing about its keys; failing here would keep `refresh` from seeing that it is down.
    console.warn(`${id}: not checked, ${error.message}`);
    return { id, props };
  }
}
