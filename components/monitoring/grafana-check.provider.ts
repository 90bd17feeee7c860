import { checkGrafana, setPassword } from "./ask-grafana.ts";
import type { GrafanaCheckInputs } from "./grafana-check.ts";

/** Dashboards come some seconds after Grafana is healthy, and Prometheus has asked nobody yet. */
const WITHIN_SECONDS = 60;

export async function create(inputs: GrafanaCheckInputs) {
  await setPassword(inputs);
  await checkGrafana(inputs, WITHIN_SECONDS);
  return { id: "grafana-check", outs: inputs };
}

export async function update(_id: string, olds: GrafanaCheckInputs, news: GrafanaCheckInputs) {
  await setPassword(news, olds.password);
  await checkGrafana(news, WITHIN_SECONDS);
  return { outs: news };
}
