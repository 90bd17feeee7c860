import { stringify } from "yaml";
import { LOOPBACK, type PostgresSettings } from "../../settings/settings.ts";
import { textFile } from "../docker/image-build.ts";
import { variablesToFiles } from "../docker/secret-files.ts";
import { addressInside, adminLogin, LITELLM_DATABASE, SPEND_ROLE, SPEND_SCHEMA } from "../postgres/databases.ts";
import { gatewayDashboard } from "./grafana/gateway.ts";
import { logsDashboard } from "./grafana/logs.ts";
import { LOKI, POSTGRES, PROMETHEUS, type Source } from "./grafana/panels.ts";
import { serversDashboard } from "./grafana/servers.ts";
import { spendDashboard } from "./grafana/spend.ts";
import { LOKI_HOST, LOKI_PORT } from "./loki-config.ts";
import { PROMETHEUS_ADDRESS, SCRAPE_INTERVAL } from "./prometheus-config.ts";

// Grafana's image, by packaging/docker/run.sh, Dockerfile and conf/defaults.ini of github.com/grafana/grafana: user 472 of group 0,
// `/run.sh` as its entrypoint, `curl` among its programs, settings from variables `GF_SECTION_KEY`.
export const GRAFANA_PORT = 3000;
export const GRAFANA_DATA_FOLDER = "/var/lib/grafana";
/** The user that Grafana makes at its first start. */
export const GRAFANA_USER = "admin";
/**
 * The password with which Grafana makes its database, on its volume. Made up there; `grafana-check.ts` puts the stack's in its
 * place, which is in no file and no variable.
 */
export const FIRST_PASSWORD_FILE = `${GRAFANA_DATA_FOLDER}/first-password`;
const PROVISIONING_FOLDER = "/etc/grafana/provisioning";
/** Not on the volume, which would keep those of the image that it was made with. */
const DASHBOARDS_FOLDER = "/etc/grafana/dashboards";

/** Folder of the container's memory, into which `grafanaScript` writes what Grafana reads from files. */
const SECRETS_FOLDER = "/tmp/secrets";
/** Variable of the password of `spend_reader`. */
export const SPEND_PASSWORD = "SPEND_PASSWORD";

/** A data source, and a query that always has an answer. */
interface GrafanaSource extends Source {
  readonly url: string;
  readonly user?: string;
  readonly jsonData?: Readonly<Record<string, string | number>>;
  /** Files that Grafana reads them from. */
  readonly secureJsonData?: Readonly<Record<string, string>>;
  readonly trial: Readonly<Record<string, unknown>>;
}

const FIGURES: GrafanaSource = {
  ...PROMETHEUS,
  url: `http://${PROMETHEUS_ADDRESS.host}:${PROMETHEUS_ADDRESS.port}`,
  jsonData: { timeInterval: SCRAPE_INTERVAL },
  trial: { expr: "up", instant: true },
};
const LINES: GrafanaSource = {
  ...LOKI,
  url: `http://${LOKI_HOST}:${LOKI_PORT}`,
  trial: { expr: "vector(1)", queryType: "instant" },
};

/** What clients have spent, asked of LiteLLM's database. */
const spendSource = (postgres: PostgresSettings): GrafanaSource => ({
  ...POSTGRES,
  url: addressInside(postgres),
  user: SPEND_ROLE,
  // The login has five connections.
  jsonData: {
    ...{ database: LITELLM_DATABASE, sslmode: adminLogin(postgres).sslmode },
    ...{ maxOpenConns: 3, maxIdleConns: 1 },
  },
  secureJsonData: { password: `$__file{${SECRETS_FOLDER}/${SPEND_PASSWORD}}` },
  trial: { format: "table", rawQuery: true, rawSql: `SELECT count(*) FROM ${SPEND_SCHEMA}.budgets` },
});

interface Content {
  readonly sources: readonly GrafanaSource[];
  /** By their files. */
  readonly dashboards: Readonly<Record<string, ReturnType<typeof gatewayDashboard>>>;
}

/**
 * What this Grafana shows: of a stack without a Loki of its own no logs.
 *
 * @param spend Where LiteLLM's database is; undefined where nobody reads what was spent.
 */
export const grafanaContent = (logs: boolean, spend: PostgresSettings | undefined): Content => ({
  sources: [FIGURES, ...(logs ? [LINES] : []), ...(spend ? [spendSource(spend)] : [])],
  dashboards: {
    "gateway.json": gatewayDashboard(),
    "servers.json": serversDashboard(),
    ...(logs && { "logs.json": logsDashboard() }),
    ...(spend && { "spend.json": spendDashboard() }),
  },
});

/** The files of its image, by their places in the build context. None of them is a secret. */
export const grafanaFiles = ({ sources, dashboards }: Content) => ({
  Dockerfile: textFile(
    `ARG IMAGE\nFROM \${IMAGE}\nCOPY provisioning ${PROVISIONING_FOLDER}\nCOPY dashboards ${DASHBOARDS_FOLDER}\n`,
  ),
  "provisioning/datasources/litellm-mcp.yaml": textFile(
    stringify({
      apiVersion: 1,
      // Of a Loki or a login that the stack has no more.
      prune: true,
      datasources: sources.map(({ name, uid, type, url, user, jsonData, secureJsonData }) => ({
        ...{ name, uid, type, access: "proxy", url },
        ...(user !== undefined && { user }),
        ...(jsonData && { jsonData }),
        ...(secureJsonData && { secureJsonData }),
      })),
    }),
  ),
  "provisioning/dashboards/litellm-mcp.yaml": textFile(
    stringify({
      apiVersion: 1,
      providers: [{ name: "litellm-mcp", folder: "LiteLLM MCP", type: "file", options: { path: DASHBOARDS_FOLDER } }],
    }),
  ),
  ...Object.fromEntries(
    Object.entries(dashboards).map(([file, dashboard]) => [
      `dashboards/${file}`,
      textFile(`${JSON.stringify(dashboard, undefined, 2)}\n`),
    ]),
  ),
});

/**
 * It asks nobody on the internet for anything, and lets in nobody without the password.
 *
 * @param port Of the host's loopback.
 */
export const grafanaVariables = (port: number): Record<string, string> => ({
  GF_SERVER_ROOT_URL: `http://${LOOPBACK}:${port}/`,
  GF_SECURITY_ADMIN_USER: GRAFANA_USER,
  // Read by /run.sh.
  GF_SECURITY_ADMIN_PASSWORD__FILE: FIRST_PASSWORD_FILE,
  GF_SECURITY_DISABLE_GRAVATAR: "true",
  GF_AUTH_ANONYMOUS_ENABLED: "false",
  GF_USERS_ALLOW_SIGN_UP: "false",
  GF_USERS_ALLOW_ORG_CREATE: "false",
  GF_PUBLIC_DASHBOARDS_ENABLED: "false",
  GF_SNAPSHOTS_EXTERNAL_ENABLED: "false",
  GF_ANALYTICS_REPORTING_ENABLED: "false",
  GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
  GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: "false",
  GF_ANALYTICS_FEEDBACK_LINKS_ENABLED: "false",
  GF_NEWS_NEWS_FEED_ENABLED: "false",
  // Grafana 12 would install some of its own, from the internet, at each start.
  GF_PLUGINS_PREINSTALL_DISABLED: "true",
  GF_PLUGINS_PLUGIN_ADMIN_ENABLED: "false",
  GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED: "true",
  GF_LOG_MODE: "console",
  GF_LOG_LEVEL: "warn",
});

/**
 * Makes up the first password, so that there is no moment at which `admin` opens it.
 *
 * @param variables Of data sources; whoever can make one could have Grafana send them its variables.
 */
export const grafanaScript = (variables: readonly string[]): string =>
  [
    "set -eu",
    "umask 077",
    ...variablesToFiles(SECRETS_FOLDER, variables),
    `test -s ${FIRST_PASSWORD_FILE} || head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' > ${FIRST_PASSWORD_FILE}`,
    "exec /run.sh",
  ].join("\n");
