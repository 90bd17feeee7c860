import { PROMETHEUS_ADDRESS, SCRAPE_INTERVAL } from "../prometheus-config.ts";
import { gatewayDashboard } from "./gateway.ts";
import { DATASOURCE_UID } from "./panels.ts";
import { serversDashboard } from "./servers.ts";

/** Written by `npm run docs`, for whoever has a Grafana: docs/grafana.md. */
export const GRAFANA_FOLDER = "examples/grafana";
/** Where that page mounts the dashboards, and Grafana reads them. */
export const DASHBOARDS_FOLDER = "/var/lib/grafana/dashboards/litellm-mcp";

const WRITTEN = "# Written by `npm run docs`. What it is for: docs/grafana.md\n";

const datasources = () => `${WRITTEN}apiVersion: 1
datasources:
  - name: LiteLLM MCP gateway
    uid: ${DATASOURCE_UID}
    type: prometheus
    access: proxy
    # Its name on monitoring-net. For a Grafana on the host itself, outside Docker: http://127.0.0.1:${PROMETHEUS_ADDRESS.port}
    url: http://${PROMETHEUS_ADDRESS.host}:${PROMETHEUS_ADDRESS.port}
    jsonData:
      # How far two figures are apart; Grafana's $__rate_interval follows from it.
      timeInterval: ${SCRAPE_INTERVAL}
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
  "dashboards.yaml": dashboards(),
  "dashboards/gateway.json": `${JSON.stringify(gatewayDashboard(), undefined, 2)}\n`,
  "dashboards/servers.json": `${JSON.stringify(serversDashboard(), undefined, 2)}\n`,
});
