import semver from "semver";
import { own } from "../lib/own.ts";

/**
 * What each LiteLLM version reads. LiteLLM itself checks nothing: it ignores a `general_settings` key that it does not
 * know, and makes of a `litellm_settings` key an attribute that it never reads. Such a setting can be "on" for years
 * and do nothing.
 *
 * Source: the wheels on PyPI (1.77.3, 1.77.4, 1.77.5, 1.77.7, 1.78.0, 1.78.2, 1.79.0, 1.79.3, 1.80.0, 1.80.5 and
 * litellm-enterprise 0.1.20), searched for every place that reads a key of the two sections or an attribute of
 * `litellm` that `litellm/__init__.py` defines. A key counts as read since the first of these versions in which it was
 * found.
 */

/** Nobody looked at older versions. */
export const OLDEST_VERSION = "1.77.3";
/** In newer versions an unknown key may be right, so it passes with a warning. */
export const NEWEST_VERSION = "1.80.5";

export type Section = "generalSettings" | "litellmSettings";

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Section → version → keys that it reads and earlier versions do not. */
const READ_SINCE: Readonly<Record<Section, Readonly<Record<string, readonly string[]>>>> = {
  generalSettings: {
    "1.77.3": names(`
      alert_to_webhook_url alert_types alerting alerting_args alerting_threshold allow_client_side_credentials
      allow_requests_on_db_unavailable allow_user_auth background_health_checks block_robots completion_model
      database_connection_pool_limit database_connection_pool_timeout default_team_disabled
      disable_adding_master_key_hash_to_db disable_error_logs disable_master_key_return disable_prisma_schema_update
      disable_reset_budget disable_retry_on_max_parallel_request_limit_error disable_spend_logs disable_spend_updates
      embedding_model enforce_user_param forward_client_headers_to_llm_api forward_openai_org_id
      global_max_parallel_requests health_check_details health_check_interval image_generation_model
      infer_model_from_keys key_management_settings key_management_system litellm_key_header_name
      max_parallel_requests maximum_spend_logs_retention_interval maximum_spend_logs_retention_period
      mcp_client_side_auth_header_name moderation_model pass_through_endpoints proxy_admin_email
      proxy_batch_polling_interval proxy_batch_write_at proxy_budget_rescheduler_max_time
      proxy_budget_rescheduler_min_time service_account_settings spend_report_frequency store_model_in_db
      store_prompts_in_spend_logs token_rate_limit_type ui_access_mode use_azure_key_vault use_google_kms
      use_redis_transaction_buffer use_x_forwarded_for user_api_key_cache_ttl user_header_mappings user_header_name
    `),
    "1.78.0": ["supported_db_objects", "use_shared_health_check"],
    "1.79.0": ["disable_responses_id_security"],
  },
  litellmSettings: {
    "1.77.3": names(`
      add_function_to_prompt add_user_information_to_llm_headers aiohttp_trust_env allowed_fails api_base api_version
      argilla_batch_size aws_sqs_callback_params budget_duration cache cache_params content_policy_fallbacks
      context_window_fallbacks custom_prompt_dict datadog_llm_observability_params datadog_use_v1 default_fallbacks
      default_in_memory_ttl default_internal_user_params default_key_generate_params default_max_internal_user_budget
      default_redis_batch_cache_expiry default_redis_ttl default_team_params default_team_settings
      disable_add_prefix_to_prompt disable_add_transform_inline_image_block disable_add_user_agent_to_request_tags
      disable_aiohttp_transport disable_aiohttp_trust_env disable_copilot_system_to_assistant
      disable_end_user_cost_tracking disable_hf_tokenizer_download disable_streaming_logging disable_token_counter
      drop_params dynamodb_table_name enable_azure_ad_token_refresh
      enable_caching_on_provider_specific_optional_params enable_json_schema_validation
      enable_loadbalancing_on_batch_endpoints enable_preview_features extra_spend_tag_headers failure_callback
      fallbacks force_ipv4 forward_traceparent_to_llm_provider gcs_pub_sub_use_v1 generic_api_use_v1
      generic_logger_headers global_disable_no_log_param global_prompt_directory guardrails
      include_cost_in_streaming_usage input_callback internal_user_budget_duration key_generation_settings
      langfuse_default_tags langsmith_batch_size logged_real_time_event_types max_budget max_end_user_budget
      max_fallbacks max_internal_user_budget max_tokens max_ui_session_budget model_alias_map model_fallbacks
      model_group_settings modify_params num_retries num_retries_per_request organization output_parse_pii project
      public_model_groups public_model_groups_links redact_messages_in_exceptions redact_user_api_key_info
      request_timeout return_response_headers s3_callback_params safe_memory_mode service_callback
      ssl_certificate ssl_security_level ssl_verify success_callback suppress_debug_info tag_budget_config
      turn_off_message_logging upperbound_key_generate_params use_aiohttp_transport use_litellm_proxy
      vertex_ai_safety_settings vertex_location vertex_project
    `),
    "1.77.5": ["datadog_params", "global_bitbucket_config"],
    "1.78.0": ["global_gitlab_config"],
    "1.79.0": ["cold_storage_custom_logger", "cost_discount_config", "ssl_ecdh_curve"],
    "1.80.0": ["max_end_user_budget_id"],
    "1.80.5": ["public_agent_groups", "public_mcp_servers"],
  },
};

const OURS = "leave it out: this program writes it";
const ENTERPRISE = "leave it out: it needs a LiteLLM Enterprise licence";
const PYTHON_FILE = "leave it out: it names a Python file, and this program mounts none of yours";

/** Keys that LiteLLM reads, or that its documentation names, and that a stack still must not set. */
const REFUSED: Readonly<Record<Section, Readonly<Record<string, string>>>> = {
  generalSettings: {
    master_key: OURS,
    database_url: OURS,
    admin_only_routes: ENTERPRISE,
    allowed_ips: ENTERPRISE,
    allowed_routes: ENTERPRISE,
    enable_jwt_auth: ENTERPRISE,
    enable_oauth2_auth: ENTERPRISE,
    enable_oauth2_proxy_auth: ENTERPRISE,
    enforce_rbac: ENTERPRISE,
    enforced_params: ENTERPRISE,
    litellm_jwtauth: ENTERPRISE,
    litellm_license: ENTERPRISE,
    max_request_size_mb: ENTERPRISE,
    max_response_size_mb: ENTERPRISE,
    oauth2_config_mappings: ENTERPRISE,
    public_routes: ENTERPRISE,
    role_permissions: ENTERPRISE,
    custom_auth: PYTHON_FILE,
    custom_auth_settings: PYTHON_FILE,
    custom_key_generate: PYTHON_FILE,
    custom_sso: PYTHON_FILE,
    custom_ui_sso_sign_in_handler: PYTHON_FILE,
    // LiteLLM's documentation and schema have this name, its code reads another.
    database_connection_timeout: "database_connection_pool_timeout, the name that LiteLLM reads",
  },
  litellmSettings: {
    callbacks:
      "leave it out: litellm-mcp:telemetry for OpenTelemetry and Langfuse; success_callback and failure_callback take the names of others",
    json_logs: OURS,
    // It prints requests with their headers, past the log whose secrets are masked.
    set_verbose: "litellm-mcp:gateway.debug: true in its place, which masks secrets",
    guardrails:
      "litellm-mcp:guard: 1.77.3 calls a tool with the arguments as they were where it cannot read back what a guardrail masked",
    cache: "litellm-mcp:redis, with cacheSeconds",
    cache_params: "litellm-mcp:redis, with cacheSeconds",
    fallbacks: "litellm-mcp:routing, with fallbacks",
    num_retries: "litellm-mcp:routing, with retries",
    custom_provider_map: PYTHON_FILE,
    post_call_rules: PYTHON_FILE,
    priority_reservation: ENTERPRISE,
    priority_reservation_settings: ENTERPRISE,
    store_audit_logs: ENTERPRISE,
    custom_prometheus_metadata_labels: ENTERPRISE,
    custom_prometheus_tags: ENTERPRISE,
    enable_end_user_cost_tracking_prometheus_only: ENTERPRISE,
    prometheus_initialize_budget_metrics: ENTERPRISE,
    prometheus_metrics_config: ENTERPRISE,
    require_auth_for_metrics_endpoint: ENTERPRISE,
  },
};

/** Keys of an entry of LiteLLM's `mcp_servers` that came after 1.77.3, as people write them into `server.yaml`. */
const SERVER_KEY_SINCE: Readonly<Record<string, string>> = {
  authorization_url: "1.77.5",
  client_id: "1.77.5",
  client_secret: "1.77.5",
  scopes: "1.77.5",
  token_url: "1.77.5",
  allowed_tools: "1.77.7",
  disallowed_tools: "1.77.7",
  allowed_params: "1.78.0",
  spec_path: "1.78.0",
  registration_url: "1.79.3",
};

/**
 * Its scheduler lets a request through at once while any deployment works, and keeps the request in its queue for ever
 * (`litellm/scheduler.py`).
 */
const PRIORITY =
  "leave it out: LiteLLM 1.77 looks at priorities only while no deployment of a model answers; parallel and rpm of each client keep one from taking all";

/** Names from LiteLLM, plans and blog posts that do nothing here, with what does the job instead. */
const NOT_HERE: Readonly<Record<string, string>> = {
  default_priority: PRIORITY,
  priority: PRIORITY,
  allow_all_keys: "leave it out: a client without servers and groups has all servers",
  mcp_aliases: "leave it out: the name of the folder under mcp/ is the alias",
  mcp_servers: "leave it out: every folder under mcp/ is a server, litellm-mcp:servers changes it",
  mcp_settings: "leave it out: LiteLLM has no mcp_settings; every folder under mcp/ is a server",
  mcp_tools: "leave it out: tools come from the servers under mcp/",
  server_id: "leave it out: LiteLLM derives the id",
  spec_version: "leave it out: LiteLLM agrees on the protocol version with the server",
  timeout: "leave it out: LiteLLM's time limits for MCP are fixed",
  virtual_keys: "leave it out: LiteLLM keeps keys in its database only; litellm-mcp:clients makes one for each client",
};

const HEADERS = "headers in server.yaml, a map from a header's name to the name of the secret that has its value";
/** Keys of an entry of LiteLLM's `mcp_servers` that server.yaml has under another name. */
const SERVER_KEY_HERE: Readonly<Record<string, string>> = { extra_headers: HEADERS, static_headers: HEADERS };

/** What to write instead of a setting; undefined when the version reads it, or is too new to know. */
export function settingAdvice(section: Section, key: string, version: string): string | undefined {
  const refused = own(REFUSED[section], key) ?? own(NOT_HERE, key);
  if (refused) return refused;
  // LiteLLM reads litellm.openai_key and its like, but the key would be here in plain text.
  if (key.endsWith("_key")) return "leave it out: secrets of a model under litellm-mcp:models gives it its key";
  const since = readSince(section, key);
  if (since && semver.gte(version, since)) return undefined;
  if (since) return `leave it out: LiteLLM ${version} ignores it, it works from ${since}`;
  return semver.gte(NEWEST_VERSION, version) ? `leave it out: LiteLLM ${version} ignores it` : undefined;
}

/**
 * What to write instead of a key that this program's schemas do not have, but that users know from LiteLLM; otherwise
 * undefined.
 */
export function unknownKeyAdvice(key: string): string | undefined {
  const since = own(SERVER_KEY_SINCE, key);
  return since
    ? `leave it out: LiteLLM reads it from ${since} on, but this program never writes it`
    : (own(SERVER_KEY_HERE, key) ?? own(NOT_HERE, key));
}

/** Callbacks that need a licence, or that do not exist although people write about them. */
const CALLBACK_ADVICE: Readonly<Record<string, string>> = {
  langfuse: "leave it out: litellm-mcp:telemetry, with langfuse",
  langfuse_otel: "leave it out: litellm-mcp:telemetry, with langfuse",
  loki: "leave it out: LiteLLM has no Loki callback; its log is JSON, ship it with a log collector",
  mlflow:
    "leave it out: it needs the Python package mlflow, which LiteLLM's image does not have; MLflow takes traces over OpenTelemetry, litellm-mcp:telemetry with openTelemetry",
  otel: "leave it out: litellm-mcp:telemetry, with openTelemetry",
  prometheus:
    "leave it out: the prometheus callback needs a LiteLLM Enterprise licence; the ingress has figures for Prometheus, docs/operate.md",
};

/** What to write instead of an entry of `success_callback` and its like; undefined for one that works. */
export const callbackAdvice = (callback: string) => own(CALLBACK_ADVICE, callback);

/**
 * Up to 1.77.5 LiteLLM sends the header MCP-Protocol-Version twice over `http`. Servers that are made with the
 * TypeScript SDK answer 400 to that, LiteLLM reports no error, and the server has no tools.
 */
export const speaksHttpToTypeScript = (version: string) => semver.gte(version, "1.77.7");

/**
 * One call to a server that is registered as `http` and is down locks `/mcp/` for all servers until LiteLLM is
 * restarted. Seen on 1.77.3 and 1.77.7, and no longer on 1.106.2; nobody looked at the versions between them.
 */
export const mayLockUpOverHttp = (version: string) => !semver.gte(version, "1.106.2");

/**
 * From 1.77.7 a key that may use one server is shown its tools without the server's name, and 1.77.7 then refuses to
 * call them by it. Found up to 1.81.9; 1.83.7 always writes the name.
 */
export const hidesServerOfLoneTools = (version: string) =>
  semver.gte(version, "1.77.7") && !semver.gte(version, "1.83.7");

/** From 1.78.0 a key's `object_permission.mcp_tool_permissions`, a list of tools by server id, is enforced on calls. */
export const enforcesToolPermissions = (version: string) => semver.gte(version, "1.78.0");

/** LiteLLM's version in an image tag: `v1.77.3-stable`, `main-v1.77.3-stable`, `v1.77.3-stable-patch-1`. */
export const versionOfTag = (tag: string): string | undefined =>
  semver.valid(/^(?:main-)?v?(\d+\.\d+\.\d+)(?:[-.]|$)/.exec(tag)?.[1]) ?? undefined;

function readSince(section: Section, key: string): string | undefined {
  return Object.entries(READ_SINCE[section]).find(([, keys]) => keys.includes(key))?.[0];
}
