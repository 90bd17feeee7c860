/** LiteLLM on `litellm-ingress-net`, which only the ingress and LiteLLM are on, and Prometheus where there is one. */
export const LITELLM_HOST = "litellm";
export const LITELLM_PORT = 4000;
export const LITELLM_URL = `http://${LITELLM_HOST}:${LITELLM_PORT}`;

/**
 * The side of the ingress that LiteLLM's launcher talks to, on the same network; the port as `ingress/main.ts` has it.
 */
export const INGRESS_HOST = "ingress";
const INGRESS_INNER_PORT = 4001;
export const INGRESS_INNER_URL = `http://${INGRESS_HOST}:${INGRESS_INNER_PORT}`;

/** Where the container of the ingress has the volume with the record of calls. */
export const AUDIT_FOLDER = "/var/lib/ingress-audit";
/** Its group, which may read it; as `ingress/Dockerfile` has it. */
export const AUDIT_GROUP = "10002";

/** LiteLLM's config.yaml in its container. */
export const LITELLM_CONFIG = "/app/config.yaml";

/** Port of loopback in LiteLLM's container, where `mcp_relay.py` listens: LiteLLM asks the adapters through it. */
export const RELAY_PORT = 4002;
