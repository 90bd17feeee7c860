// Names and types of resources that others look for: commands in a stack's state, and the LAN guard among what the
// program registers. To Pulumi a resource of another name or type is another resource: it would delete the deployed
// one, so none of these changes. Nothing is imported here, so that a command does not load Pulumi for a name.

export const STACK_ID = "stack-id";
export const GATEWAY_CHECK = "gateway-check";
export const INGRESS_RIGHTS = "ingress-rights";

/** Type of the components that hold one key of LiteLLM each. */
export const CLIENT_KEY_TYPE = "litellm:gateway:ClientKey";
/** Type of what has a provider of this project, such as the key within a `ClientKey`. */
export const DYNAMIC_TYPE = "pulumi-nodejs:dynamic:Resource";
/** Of the stack itself, which has its outputs. */
export const STACK_TYPE = "pulumi:pulumi:Stack";
export const CONTAINER_TYPE = "docker:index/container:Container";
export const IMAGE_TYPE = "docker:index/remoteImage:RemoteImage";
export const NETWORK_TYPE = "docker:index/network:Network";
export const VOLUME_TYPE = "docker:index/volume:Volume";
export const POSTGRES_PROVIDER_TYPE = "pulumi:providers:postgresql";
export const DATABASE_TYPE = "postgresql:index/database:Database";
export const PASSWORD_TYPE = "random:index/randomPassword:RandomPassword";

/** Outputs of the stack, as `index.ts` exports them. */
export const STACK_OUTPUTS = ["gateway", "models", "tools", "clientKeys", "masterKey", "serverTokens"] as const;

/** Components of `deployment.ts`. */
export const INGRESS = "ingress";
export const LITELLM = "litellm";
export const POSTGRES = "postgres";
export const DATABASES = "databases";
export const REDIS = "redis";
/** The volume with the record of calls. */
export const INGRESS_AUDIT = "ingress-audit";
export const BACKUP = "backup";
export const PROMETHEUS = "prometheus";
export const LOKI = "loki";
/** One that somebody else runs. */
export const EXISTING_LOKI = "existing-loki";
export const LOG_COLLECTOR = "log-collector";
export const GRAFANA = "grafana";
/** What asks Grafana, within its component. */
export const GRAFANA_CHECK = "grafana-check";
/** What whoever reads figures of spend may see of LiteLLM's database. */
export const SPEND_VIEWS = "spend-views";
/** The volume with the backups of each day. */
export const BACKUPS = "backups";
/** Where the program is in the image of `BACKUP`, which `npm run status` asks. */
export const NIGHTLY_SCRIPT = "/nightly.sh";
/** What looks at the gateway between two `up`s. */
export const SCHEDULED_CHECK = "scheduled-check";
/** Its volume, and its key. */
export const SCHEDULED_CHECK_STATE = "scheduled-check-state";
export const SCHEDULED_CHECK_KEY = "scheduled-check";
/** The key with which the ingress lists tools. */
export const LISTING_KEY = "ingress-listing";
export const clientKey = (client: string) => `client-${client}`;
export const mcpServer = (server: string) => `mcp-${server}`;

/** Of an MCP server whose program is in another container. */
export const adapterOf = (mcpServer: string) => `${mcpServer}-adapter`;

/** What a component makes has the component's name before its own. */
export const containerOf = (component: string) => `${component}-container`;
/** As `components/docker/image.ts` names it. */
export const imageOf = (component: string) => `${component}-image`;
export const dataOf = (component: string) => `${component}-data`;
export const keyValueOf = (key: string) => `${key}-value`;
export const masterKeyOf = (litellm: string) => `${litellm}-master-key`;
export const adminPasswordOf = (postgres: string) => `${postgres}-admin-password`;
export const redisPasswordOf = (redis: string) => `${redis}-password`;
export const rolePasswordOf = (databases: string, role: string) => `${databases}-${role}-password`;
export const adapterTokenOf = (mcpServer: string) => `${mcpServer}-token`;
