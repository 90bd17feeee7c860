import { setTimeout as sleep } from "node:timers/promises";
import { isMap } from "../../lib/is-map.ts";
import { connectDocker } from "../docker/docker-connection.ts";
import { runInContainer } from "../docker/run-in-container.ts";
import type { GrafanaCheckInputs } from "./grafana-check.ts";
import { FIRST_PASSWORD_FILE, GRAFANA_PORT, GRAFANA_USER } from "./grafana-config.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}
/** One request to Grafana's API as its user. */
export type Ask = (password: string, method: string, path: string, data?: unknown) => Promise<Answer>;

type Where = Pick<GrafanaCheckInputs, "docker" | "container">;

/**
 * By the image's own `curl`, in the container: its port is on the loopback of a host that may be elsewhere. The password goes through
 * standard input; a command line is for everybody on the host to read.
 */
const askIn =
  ({ docker, container }: Where): Ask =>
  async (password, method, path, data) => {
    const lines = [
      ...[`url = ${quoted(`http://127.0.0.1:${GRAFANA_PORT}${path}`)}`, `request = ${method}`],
      `user = ${quoted(`${GRAFANA_USER}:${password}`)}`,
      ...(data === undefined
        ? []
        : ['header = "content-type: application/json"', `data = ${quoted(JSON.stringify(data))}`]),
    ];
    const options = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "30"];
    const curl = ["curl", ...options, "--write-out", "\n%{http_code}", "--config", "-"];
    const { exitCode, stdout, stderr } = await runInContainer(
      connectDocker(docker),
      container,
      curl,
      lines.join("\n"),
    ).catch((error: Error) => ({ exitCode: undefined, stdout: "", stderr: error.message }));
    if (exitCode !== 0)
      throw new Error(
        `Grafana (container ${container}) cannot be asked: ${stderr.trim() || stdout.trim() || "curl failed"}`,
      );
    const [, text = "", status = ""] = /^(.*)\n(\d+)$/s.exec(stdout) ?? [];
    return { status: Number(status), body: parsed(text) };
  };

/** As curl reads a quoted value of its configuration. */
const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const said = ({ status, body }: Answer): string => {
  const message = isMap(body) ? (body["message"] ?? errorOf(body)) : body;
  return `HTTP ${status}${typeof message === "string" && message ? `, ${message.trim().slice(0, 500)}` : ""}`;
};

/** Of a query's answer. */
const errorOf = (body: unknown) => (body as { results?: { A?: { error?: string } } }).results?.A?.error;

const logIn = (ask: Ask, password: string) => ask(password, "GET", "/api/user");

const notOurs = ({ container, volume }: GrafanaCheckInputs, answer: Answer) =>
  new Error(
    `Grafana (container ${container}) does not know the stack's password of ${GRAFANA_USER}: ${said(answer)}. Somebody has changed it ` +
      `there, or its volume ${volume} is of a stack whose state is gone: docs/grafana.md says how it gets the stack's again`,
  );

/** What Grafana makes up for itself at its first start. */
async function firstPassword({ docker, container }: Where): Promise<string> {
  const read = await runInContainer(connectDocker(docker), container, ["cat", FIRST_PASSWORD_FILE]);
  return read.stdout.trim();
}

/**
 * Gives Grafana's user the stack's password. Its variables say what the password is when it makes its database, and nothing later.
 *
 * @param old The one that the stack had before.
 */
export async function setPassword(
  inputs: GrafanaCheckInputs,
  old?: string,
  ask = askIn(inputs),
  first = () => firstPassword(inputs),
): Promise<void> {
  let answer = await logIn(ask, inputs.password);
  if (answer.status === 200) return;
  // After five wrong ones within five minutes it refuses the right one as well.
  for (const known of [...(old === undefined || old === inputs.password ? [] : [old]), await first()]) {
    if (known === "" || (await logIn(ask, known)).status !== 200) continue;
    const data = { oldPassword: known, newPassword: inputs.password };
    answer = await ask(known, "PUT", "/api/user/password", data);
    if (answer.status === 200) answer = await logIn(ask, inputs.password);
    if (answer.status === 200) return;
    throw new Error(`Grafana (container ${inputs.container}) does not take another password: ${said(answer)}`);
  }
  throw notOurs(inputs, answer);
}

/**
 * Asks it for its data sources and dashboards, until all is well.
 *
 * @param withinSeconds How long something may be wrong.
 * @param signal Aborted when nobody waits for the answer any more.
 * @returns What was found good.
 * @throws Error that says what is wrong.
 */
export async function checkGrafana(
  inputs: GrafanaCheckInputs,
  withinSeconds: number,
  signal?: AbortSignal,
  ask = askIn(inputs),
): Promise<string> {
  const deadline = Date.now() + withinSeconds * 1_000;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await logIn(ask, inputs.password);
    // It is not tried again: see above.
    if (answer.status === 401) throw notOurs(inputs, answer);
    const wrong = await problems(inputs, ask);
    if (!wrong.length) break;
    if (Date.now() >= deadline) throw new Error(`Grafana (container ${inputs.container}): ${wrong.join("; ")}`);
    await sleep(1_000);
  }
  const { sources, dashboards } = inputs;
  return `${sources.map(({ name }) => name).join(", ")} answer; ${dashboards.length} dashboards are there`;
}

async function problems({ password, sources, dashboards }: GrafanaCheckInputs, ask: Ask): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, uid, type, trial } of sources) {
    const which = `data source ${name} (${type})`;
    const health = await ask(password, "GET", `/api/datasources/uid/${uid}/health`);
    if (health.status !== 200 || !isMap(health.body) || health.body["status"] !== "OK") {
      wrong.push(`${which} is not well: ${said(health)}`);
      continue;
    }
    const query = { refId: "A", datasource: { type, uid }, intervalMs: 15_000, maxDataPoints: 100, ...trial };
    const answer = await ask(password, "POST", "/api/ds/query", { from: "now-5m", to: "now", queries: [query] });
    if (answer.status !== 200 || !hasValues(answer.body))
      wrong.push(`${which} answers a query with no values: ${said(answer)}`);
  }
  for (const { uid, title } of dashboards) {
    const answer = await ask(password, "GET", `/api/dashboards/uid/${uid}`);
    if (answer.status !== 200) wrong.push(`dashboard ${title} is not there: ${said(answer)}`);
  }
  return wrong;
}

/** Whether a frame of the answer has a value: https://grafana.com/docs/grafana/latest/developers/http_api/data_source/ */
function hasValues(body: unknown): boolean {
  const { results } = body as {
    results?: { A?: { frames?: readonly { data?: { values?: readonly (readonly unknown[])[] } }[] } };
  };
  return (results?.A?.frames ?? []).some(({ data }) => (data?.values ?? []).some(({ length }) => length > 0));
}
