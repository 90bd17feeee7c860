import type { Sensitive } from "../lib/sensitive.ts";
import type { ToolRule } from "../ingress/rights.ts";
import type { Risk } from "./resolve/risks.ts";
import type { Check } from "./schemas/server-schema.ts";
import type { BudgetPeriod } from "./schemas/stack-schema.ts";
import type { RoutingConfig } from "./schemas/routing-schema.ts";
import type { ScheduledCheckConfig } from "./schemas/scheduled-check-schema.ts";
import type { TelemetryConfig } from "./schemas/telemetry-schema.ts";
import type { ToolLock } from "../approval/tool-lock.ts";

/** The one secret that the program itself provides: the connection URL of the read-only role. */
export const POSTGRES_READ_ONLY_URL = "postgresReadOnlyUrl";

/** Address of the host that is reached only from the host itself. */
export const LOOPBACK = "127.0.0.1";

/** Variable with which `npm run down` tells the program that it runs for a destroy. */
export const ENDING_VARIABLE = "LITELLM_MCP_ENDING";

/** Set for a program whose warnings have been shown: a preview has just run. */
export const WARNED_VARIABLE = "LITELLM_MCP_WARNED";

/** Stack secret with the administrator's password of an existing Postgres server. */
export const POSTGRES_ADMIN_PASSWORD = "postgresAdminPassword";

/**
 * Everything that the user decided, checked and resolved. `loadSettings` returns it, and components read nothing else.
 * It has the names of secrets, not their values, which components get as Outputs.
 */
export interface Settings {
  /** The daemon, in the form both `docker.Provider` and the program's own connection take. */
  readonly docker: DockerSettings;
  readonly lan: LanSettings;
  readonly gateway: GatewaySettings;
  readonly postgres: PostgresSettings;
  readonly models: readonly ModelSettings[];
  /** Undefined: LiteLLM's own ways. */
  readonly routing: RoutingSettings | undefined;
  /** Undefined: there is none. */
  readonly redis: RedisSettings | undefined;
  /** Undefined: none is made each day. */
  readonly backup: BackupSettings | undefined;
  /** Undefined: nobody looks at the gateway between two `up`s. */
  readonly scheduledCheck: ScheduledCheckSettings | undefined;
  /** Undefined: there is no Prometheus. */
  readonly monitoring: MonitoringSettings | undefined;
  /** Undefined: LiteLLM tells nobody. */
  readonly telemetry: TelemetrySettings | undefined;
  /** What calls of tools may not have, and what is masked in records of them; undefined: nothing. */
  readonly guard: GuardSettings | undefined;
  /** Enabled servers only, sorted by name. */
  readonly servers: readonly ServerSettings[];
  /** Sorted by name; `test-key` is always among them. */
  readonly clients: readonly ClientSettings[];
  /** Goes before every container, network and volume name; empty or ends with `-`. */
  readonly namePrefix: string;
  /** Names on the daemon; those of an MCP server are in its own settings. */
  readonly names: DaemonNames;
  /** Names of networks that somebody else made. They are in `names` as well, and joined instead of made. */
  readonly existingNetworks: ExistingNetworks;
  /** Every port that the stack publishes on the host: containers publish exactly these. */
  readonly publishedPorts: readonly PublishedPort[];
  /** What works, but not as well as the user may think; one sentence each. */
  readonly warnings: readonly string[];
}

/** Names on the Docker daemon, `namePrefix` included. Those of Postgres are taken by a dedicated one only. */
export interface DaemonNames {
  readonly containers: Readonly<Record<"ingress" | "litellm" | "postgres", string>>;
  readonly networks: Readonly<Record<"mcp" | "postgres" | "lan" | "egress" | "ingress", string>>;
  readonly volumes: Readonly<Record<"ingressState" | "ingressAudit" | "postgresData", string>>;
}

export type ExistingNetworks = Readonly<Partial<Record<"mcp" | "postgres", string>>>;

/** A port on an address of the host. */
export interface PublishedPort {
  /** Key of the stack's file that decides it, for messages. */
  readonly setting: string;
  readonly address: string;
  readonly port: number;
  /** Name on the daemon of the container that publishes it. */
  readonly container: string;
  /** The container that published it in an earlier version, and does until `up` has replaced it. */
  readonly formerContainer?: string;
}

export interface DockerSettings {
  /** `unix:///path/to.sock` or `ssh://user@host[:port]`. */
  readonly host: string;
  /** Options of the `ssh` command; empty for a socket. */
  readonly sshOpts: readonly string[];
}

export interface LanSettings {
  /** IPv4 address of the host that ports are published on; loopback or private. */
  readonly address: string;
  /** Name or address for URLs that people read. Ports are published on `address`, whatever this is. */
  readonly hostname: string;
}

export interface GatewaySettings {
  readonly image: string;
  /** LiteLLM's version, for example `1.77.3`. */
  readonly version: string;
  /** Port of the host that clients connect to. */
  readonly port: number;
  /** Port on the host's loopback, where LiteLLM itself listens: for its admin API and its UI. */
  readonly adminPort: number;
  /** `http://<lan.hostname>:<port>`, for people. */
  readonly url: string;
  readonly memoryMiB: number;
  /** Whether LiteLLM's log says everything; secrets are masked in it. */
  readonly debug: boolean;
  /**
   * Audit files of the ingress: whether they have what tools answered, and for how many days and up to which size they
   * are kept.
   */
  readonly audit: { readonly results: boolean; readonly days: number; readonly mib: number };
  /** Largest body of a client's request. */
  readonly bodyMiB: number;
  /** Whether LiteLLM's rows of spend have what models were asked and what they answered. */
  readonly storePrompts: boolean;
  /** Days that rows of spend are kept. */
  readonly spendDays: number;
  readonly generalSettings: Readonly<Record<string, unknown>>;
  readonly litellmSettings: Readonly<Record<string, unknown>>;
  /** Variables of LiteLLM's container for models and bearer tokens: variable → name of the stack secret. */
  readonly secretEnv: Readonly<Record<string, string>>;
}

export type PostgresSettings = DedicatedPostgres | ExistingPostgres;

interface CommonPostgres {
  /**
   * Of a dedicated server: the port of the host's loopback that it is published on. Of an existing one: the port it
   * listens on.
   */
  readonly port: number;
  /** Whether `pulumi destroy` refuses to delete the volume and the databases. */
  readonly protect: boolean;
  /** What the read-only role of the Postgres MCP server may read. */
  readonly readOnly: {
    readonly role: string;
    readonly database: string;
    /** Whether the program makes the database; false: it exists already. */
    readonly create: boolean;
    readonly schemas: readonly string[];
    /** Roles beside the administrator whose later tables are read as well. */
    readonly owners: readonly string[];
    /** Made in that database for the server's tools. */
    readonly extensions: readonly PostgresExtension[];
  };
}

export const POSTGRES_EXTENSIONS = ["pg_stat_statements", "hypopg"] as const;
export type PostgresExtension = (typeof POSTGRES_EXTENSIONS)[number];

/** A container of this stack. */
export interface DedicatedPostgres extends CommonPostgres {
  readonly kind: "dedicated";
  readonly image: string;
  readonly memoryMiB: number;
  /**
   * Port of this machine's loopback that leads to it: `port` itself, or of a tunnel when the host is reached over ssh.
   */
  readonly localPort: number;
}

/** A Postgres server that runs already. Its administrator's password is a stack secret. */
export interface ExistingPostgres extends CommonPostgres {
  readonly kind: "existing";
  /**
   * Reached from where Pulumi runs, and from the containers. On a network: the name or an alias of its container there.
   */
  readonly host: string;
  /** It is a container on a network of the host; undefined: it is reached at `host` from everywhere. */
  readonly network: PostgresNetwork | undefined;
  readonly adminUser: string;
  /** Undefined: what the server offers. Preflight asks it, and `deploy` gets the answer. */
  readonly sslmode: SslMode | undefined;
  readonly adminPasswordSecret: typeof POSTGRES_ADMIN_PASSWORD;
}

export type SslMode = "disable" | "require" | "verify-ca" | "verify-full";

export interface PostgresNetwork {
  /** On the daemon. */
  readonly name: string;
  /** Port of this machine's loopback that leads to the container. */
  readonly localPort: number;
}

export type RoutingSettings = NonNullable<RoutingConfig>;

type AlertConfig = NonNullable<ScheduledCheckConfig["alert"]>;

export type TelemetrySettings = Pick<TelemetryConfig, "openTelemetry" | "langfuse" | "texts">;

export interface GuardSettings {
  readonly refused: readonly Sensitive[];
  /** Those that are refused are among them. */
  readonly masked: readonly Sensitive[];
}

/** A Redis for LiteLLM alone. */
export interface RedisSettings {
  readonly image: string;
  readonly memoryMiB: number;
  /** For how long answers of models are given again; undefined: they are not kept. */
  readonly cacheSeconds: number | undefined;
  /** Name on its network. */
  readonly host: string;
  /** Names on the daemon. */
  readonly container: string;
  readonly network: string;
}

/** A backup each day, by a container of the stack. */
export interface BackupSettings {
  /** Time of the day in UTC, `03:30`. */
  readonly at: string;
  /** How many are kept. */
  readonly keep: number;
  /** Directory of the host; undefined: a volume. */
  readonly to: string | undefined;
  /** Of age; empty: it is not encrypted. */
  readonly recipients: readonly string[];
  readonly image: string;
  /** Names on the daemon. */
  readonly container: string;
  readonly volume: string;
  /** With what is wrong with the backups, for the scheduled check. */
  readonly toldVolume: string;
}

/** The client that a scheduled check is; no other has this name. */
export const SCHEDULED_CHECK_CLIENT = "scheduled-check";

/** What keeps looking at the gateway, by a container of the stack. */
export interface ScheduledCheckSettings {
  readonly minutes: number;
  /** Undefined: nobody is told. */
  readonly alert: Pick<AlertConfig, "url" | "header"> | undefined;
  /** With a key of its own, which opens the tool of each server's check. */
  readonly client: ClientSettings;
  /** Names on the daemon. */
  readonly container: string;
  readonly volume: string;
}

/** A Prometheus of the stack; its port is among the published ones. */
export interface MonitoringSettings {
  readonly image: string;
  /** For how long, and up to which size, figures are kept. */
  readonly days: number;
  readonly mib: number;
  readonly memoryMiB: number;
  /** Names on the daemon. */
  readonly container: string;
  readonly network: string;
  /** Of Prometheus and the scheduled check, which tells somebody of its alerts and has figures; undefined: there is no such check. */
  readonly alertsNetwork: string | undefined;
  readonly volume: string;
  /** Undefined: there is no Loki. */
  readonly logs: LogsSettings | undefined;
  /** Undefined: there is no Grafana. */
  readonly grafana: GrafanaSettings | undefined;
  /** Undefined: nobody but LiteLLM reads what was spent. */
  readonly spend: SpendSettings | undefined;
}

/** A Grafana of the stack. */
export interface GrafanaSettings {
  readonly image: string;
  /** Of the host's loopback; also among the published ones. */
  readonly port: number;
  readonly memoryMiB: number;
  /** Names on the daemon. */
  readonly container: string;
  readonly volume: string;
}

/** A login for figures of spend. */
export interface SpendSettings {
  /** Of Postgres and whoever asks it for these figures; undefined where Postgres is not the stack's own. */
  readonly network: string | undefined;
}

/** Where lines are kept, and what brings them there. */
export interface LogsSettings {
  readonly loki: OwnLokiSettings | ExistingLokiSettings;
  readonly collector: {
    readonly image: string;
    readonly memoryMiB: number;
    /** Names on the daemon. */
    readonly container: string;
    readonly volume: string;
  };
  /** Folder of the host in which its Docker has all that it knows. */
  readonly dockerRoot: string;
}

/** A Loki of the stack; its port is among the published ones. */
export interface OwnLokiSettings {
  readonly kind: "own";
  readonly image: string;
  /** For how long lines are kept. */
  readonly days: number;
  readonly memoryMiB: number;
  /** Names on the daemon. */
  readonly container: string;
  /** The one whose port is published. */
  readonly network: string;
  /** The one that it shares with the collector. */
  readonly linesNetwork: string;
  readonly volume: string;
}

/** A Loki that somebody else runs. */
export interface ExistingLokiSettings {
  readonly kind: "existing";
  /** Without a / at the end. */
  readonly url: string;
  readonly header: { readonly name: string; readonly secret: string } | undefined;
  /** Names on the daemon: of somebody else's, or of one that the collector has to itself. */
  readonly network: { readonly joined: string } | { readonly made: string };
}

/** One entry of LiteLLM's `model_list`; those of the same name are deployments of one model. */
export interface ModelSettings {
  readonly name: string;
  /** `litellm_params` without the secret ones. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Parameter → variable of the LiteLLM container that holds it (see `GatewaySettings.secretEnv`). */
  readonly paramsFromEnv: Readonly<Record<string, string>>;
}

/** One MCP server that this stack runs: its `server.yaml` with the stack's changes applied. */
export interface ServerSettings {
  /** The folder's name, and also the server's name and alias in LiteLLM and the prefix of its tools. */
  readonly name: string;
  readonly description: string;
  /** Absolute path of `mcp/<name>`. */
  readonly folder: string;
  readonly source: ServerSource;
  /** Of a wrapped server, what the adapter starts; of a native one, the arguments of the image's entrypoint. */
  readonly command: readonly string[];
  /** Between LiteLLM and the server; undefined: LiteLLM speaks to the server itself. */
  readonly adapter: AdapterSettings | undefined;
  /** Transport LiteLLM speaks, to the adapter if there is one. */
  readonly register: "sse" | "http";
  /** Name on the Docker network of what LiteLLM speaks to: `mcp-<name>`. */
  readonly host: string;
  /** Name on the daemon of the container that the server runs in; of a remote one, of its adapter's. */
  readonly container: string;
  /** Port inside the container that LiteLLM speaks to. */
  readonly port: number;
  /** `http://<host>:<port>/<path>`: what LiteLLM is told. */
  readonly url: string;
  /** Plain variables, sorted; never one that is also in `secrets`. */
  readonly env: Readonly<Record<string, string>>;
  /** Variable → secret: `postgresReadOnlyUrl` or the name of a stack secret. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Variable of the LiteLLM container with the token it sends as `Authorization: Bearer …`. */
  readonly bearerTokenEnv: string | undefined;
  readonly egress: boolean;
  /** Addresses of the LAN that it reaches through its adapter; undefined: it asks for nothing through it. */
  readonly lanAddresses: readonly string[] | undefined;
  readonly postgres: boolean;
  /** Name on the daemon of the volume at `/data`; undefined where there is none. */
  readonly dataVolume: string | undefined;
  /** As declared; the group that holds this server alone is not among them. */
  readonly accessGroups: readonly string[];
  /** Only those that the stack binds to a directory of the host. */
  readonly mounts: readonly {
    readonly name: string;
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
  }[];
  /** Declared by the server and accepted by the stack. */
  readonly risks: readonly Risk[];
  readonly memoryMiB: number;
  /** Most processes and threads of a wrapped server. */
  readonly processes: number;
  /** Size of `/tmp`, while everything else is read-only; undefined for an image that may write everywhere. */
  readonly writableTmpMiB: number | undefined;
  /**
   * Of a native server: `python`: `mcp_health.py`, run by the image's python3; `none`: no check but that of its adapter.
   */
  readonly healthcheck: "python" | "none";
  /** Port of the host, 48000 to 48999, for debugging; normally an MCP server has none. */
  readonly debugPort: number | undefined;
  /**
   * The tools that it must list through the gateway, no more and no fewer; undefined: nobody has approved its tools
   * yet.
   */
  readonly toolLock: ToolLock | undefined;
  readonly check: Check | undefined;
  /** In USD: of a call, and of calls of single tools. Undefined: nothing. */
  readonly cost: { readonly perCall: number | undefined; readonly tools: Readonly<Record<string, number>> } | undefined;
}

export type ServerSource =
  /** Built into an image with the adapter, which starts it: a locked package, or a program from the server's folder. */
  | {
      readonly kind: "wrapped";
      readonly runtime: "python" | "npm";
      readonly isOwnProgram: boolean;
      /** Packages that run programs of theirs while the image is built; sorted. */
      readonly builtPackages: readonly string[];
    }
  /** An image that speaks sse or http by itself. */
  | { readonly kind: "native"; readonly image: string }
  /** Runs already, elsewhere. */
  | { readonly kind: "remote" };

/** The program between LiteLLM and one MCP server, see `adapter/README.md`. */
export interface AdapterSettings {
  /** Name on the daemon of the container it runs in: of a wrapped server the server's own. */
  readonly container: string;
  /** Variable of the LiteLLM container with the token that the adapter asks for. */
  readonly tokenEnv: string;
  /** Where the server is that it connects to; undefined: it starts the server itself and speaks stdio. */
  readonly upstream: UpstreamSettings | undefined;
  readonly callSeconds: number;
  /** By tool. */
  readonly toolSeconds: Readonly<Record<string, number>>;
  readonly callsAtOnce: number;
  readonly callsWaiting: number;
  readonly questionMiB: number;
  readonly answerMiB: number;
}

export interface UpstreamSettings {
  readonly transport: "sse" | "http";
  readonly url: string;
  /** Name on the daemon of the network that the adapter and a native server have to themselves; undefined for a remote one. */
  readonly network: string | undefined;
  readonly login: Login | undefined;
  /** Further headers → name of a secret of the stack. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What is sent as `Authorization`; secrets by their names. */
export type Login =
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly user: string; readonly password: string };

export interface ClientSettings {
  /** Also the alias of its key. */
  readonly name: string;
  /**
   * Every server that it may use, those of its access groups too, sorted. Each is named, because LiteLLM takes an empty
   * list for "all".
   */
  readonly servers: readonly string[];
  /** For each of these servers, the tools that the client may call. */
  readonly rules: Readonly<Record<string, ToolRule>>;
  /** Every model that it may use; each is named for the same reason. */
  readonly models: readonly string[];
  /** Requests a minute. */
  readonly rpm: number | undefined;
  /** Requests at once. */
  readonly parallel: number;
  /** Tokens of models a minute. */
  readonly tpm: number | undefined;
  /** USD, in total or in each period. */
  readonly budget: number | undefined;
  readonly budgetPeriod: BudgetPeriod | undefined;
}
