import { parse } from "yaml";
import { LITELLM_CONFIG } from "../../components/gateway/addresses.ts";
import type { OnRecord } from "../recovery/on-record.ts";

/** LiteLLM's config.yaml; only what is read here. */
export interface LiteLlmConfig {
  readonly model_list?: readonly {
    readonly model_name: string;
    readonly litellm_params?: Readonly<Record<string, unknown>>;
  }[];
  readonly router_settings?: { readonly fallbacks?: readonly Readonly<Record<string, unknown>>[] };
  readonly general_settings?: Readonly<Record<string, unknown>>;
}

/** As it was put into LiteLLM's container: settings that are not deployed yet say nothing of it. */
export function deployedConfig({ deployed }: Pick<OnRecord, "deployed">): LiteLlmConfig {
  const file = deployed.flatMap(({ files }) => files).find(({ path }) => path === LITELLM_CONFIG);
  return file ? (parse(file.content) as LiteLlmConfig) : {};
}
