import { PROMETHEUS_ADDRESS, SCRAPE_INTERVAL } from "../prometheus-config.ts";
import { LOKI_HOST, LOKI_PORT } from "../loki-config.ts";
import { gatewayDashboard } from "./gateway.ts";
import { logsDashboard } from "./logs.ts";
import { LITELLM_DATABASE, SPEND_ROLE } from "../../postgres/databases.ts";
import { POSTGRES_PORT, PostgresServer } from "../../postgres/postgres-server.ts";
import { LOKI, POSTGRES, PROMETHEUS } from "./panels.ts";
import { serversDashboard } from "./servers.ts";
import { spendDashboard } from "./spend.ts";

/** Written by `npm run docs`, for whoever has a Grafana: docs/grafana.md. */
export const GRAFANA_FOLDER = "examples/grafana";
/** Where that page mounts the dashboards, and Grafana reads them. */
export const DASHBOARDS_FOLDER = "/var/lib/grafana/dashboards/litellm-mcp";

const WRITTEN = "# Written by `npm run docs`. What it is for: docs/grafana.md\n";

const datasources = () => `${WRITTEN}apiVersion: 1
datasources:
  - name: ${PROMETHEUS.name}
    uid: ${PROMETHEUS.uid}
    type: ${PROMETHEUS.type}
    access: proxy
    # Its name on monitoring-net. For a Grafana on the host itself, outside Docker: http://127.0.0.1:${PROMETHEUS_ADDRESS.port}
    url: http://${PROMETHEUS_ADDRESS.host}:${PROMETHEUS_ADDRESS.port}
    jsonData:
      # How far two figures are apart; Grafana's $__rate_interval follows from it.
      timeInterval: ${SCRAPE_INTERVAL}
  # Of a stack without logs: take it out, and with it dashboards/logs.json.
  - name: ${LOKI.name}
    uid: ${LOKI.uid}
    type: ${LOKI.type}
    access: proxy
    # Its name on loki-net. For a Grafana on the host itself, outside Docker: http://127.0.0.1:${LOKI_PORT}
    url: http://${LOKI_HOST}:${LOKI_PORT}
`;

/** Where Grafana finds the password of Postgres; it is in no other file. */
export const SPEND_PASSWORD_FILE = "/etc/grafana/litellm-mcp-spend-password";

/** In a file of its own: Grafana does not start where the password's file is missing. */
const spendDatasource = () => `${WRITTEN}apiVersion: 1
datasources:
  - name: ${POSTGRES.name}
    uid: ${POSTGRES.uid}
    type: ${POSTGRES.type}
    access: proxy
    # Its name on spend-net. For a Grafana on the host itself, outside Docker: 127.0.0.1:${POSTGRES_PORT}. Of an existing Postgres: its own.
    url: ${PostgresServer.HOST}:${POSTGRES_PORT}
    user: ${SPEND_ROLE}
    jsonData:
      database: ${LITELLM_DATABASE}
      sslmode: disable
      # The login has five connections.
      maxOpenConns: 3
      maxIdleConns: 1
    secureJsonData:
      password: $__file{${SPEND_PASSWORD_FILE}}
`;

const dashboards = () => `${WRITTEN}apiVersion: 1
providers:
  - name: litellm-mcp
    folder: LiteLLM MCP
    type: file
    options:
      path: ${DASHBOARDS_FOLDER}
`;

/** The files, by their place in the folder. */
export const grafanaFiles = (): Readonly<Record<string, string>> => ({
  "datasources.yaml": datasources(),
  "datasources-spend.yaml": spendDatasource(),
  "dashboards.yaml": dashboards(),
  "dashboards/gateway.json": `${JSON.stringify(gatewayDashboard(), undefined, 2)}\n`,
  "dashboards/logs.json": `${JSON.stringify(logsDashboard(), undefined, 2)}\n`,
  "dashboards/servers.json": `${JSON.stringify(serversDashboard(), undefined, 2)}\n`,
  "dashboards/spend.json": `${JSON.stringify(spendDashboard(), undefined, 2)}\n`,
});
