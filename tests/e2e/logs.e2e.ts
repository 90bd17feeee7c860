import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { execa } from "execa";
import { asRoot } from "../../bootstrap/system-packages.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { type Counts, countsOfRecord, countsOfSamples, makeCalls, type Sample } from "./counts.ts";
import { asGrafana, asGrafanaSql, listsOf, queriesOf, RANGE_S, sqlOf, STEP_S } from "./dashboards.ts";
import { bridgeAddress, containerIds, docker, leftovers, rawAuditLines, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { isLong, longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// A Loki of the stack's own and the collector that brings lines to it: the real programs, built by the lab, which takes a quarter
// of an hour. So nothing is deployed in the short form.
const PREFIX = "e2e-logs-";
const STACK = "e2elogs";
const PORT = 31500;
const PROMETHEUS_PORT = 31590;
const LOKI_PORT = 31591;
const LOKI = `${PREFIX}loki`;
const COLLECTOR = `${PREFIX}log-collector`;
const GRAFANA_PORT = 31592;
const GRAFANA = `${PREFIX}grafana`;
const PARTS = [`${PREFIX}prometheus`, LOKI, COLLECTOR, GRAFANA];
const API = `http://127.0.0.1:${LOKI_PORT}`;
// Postgres is another container with a network for figures of spend, which is none of what is looked at here.
const figures = { port: PROMETHEUS_PORT, spend: true };
const WITHOUT = { "litellm-mcp:monitoring": { ...figures, logs: { enabled: false } } };
const WITH = {
  "litellm-mcp:monitoring": { ...figures, logs: { port: LOKI_PORT, days: 5 }, grafana: { port: GRAFANA_PORT } },
};

let address: string;
let config: Record<string, unknown>;
let workspace: Workspace;
let gateway: string;
let keys: Record<string, string>;

before(async () => {
  if (!isLong) return;
  await removeLeftovers(PREFIX);
  // Another address than the loopback, as a host has one in its LAN.
  address = await bridgeAddress();
  gateway = `http://${address}:${PORT}/mcp/`;
  config = {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: PORT + 32 },
    "litellm-mcp:scheduledCheck": {},
    "litellm-mcp:clients": {
      "test-key": {},
      phone: { servers: ["time"] },
      guest: { servers: ["time"], tools: { time: { deny: ["convert_time"] } } },
    },
  };
  workspace = await Workspace.create(STACK, { ...config, ...WITHOUT });
  for (const server of await workspace.serverFolders())
    if (server !== "time") await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  const { exitCode, output, seconds } = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
  console.log(`npm run up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys } = await workspace.outputs());
});

after(async () => {
  if (!isLong) return;
  await workspace.end();
  await removeLeftovers(PREFIX);
});

async function asked<T>(question: string, params: Record<string, string> = {}): Promise<T> {
  const answer = await fetch(`${API}/loki/api/v1/${question}?${new URLSearchParams(params).toString()}`);
  const text = await answer.text();
  assert.equal(answer.status, 200, `${question} ${JSON.stringify(params)}: ${text}`);
  return (JSON.parse(text) as { data: T }).data;
}

const query = async (expression: string) => (await asked<{ result: Sample[] }>("query", { query: expression })).result;

/** Texts of the newest lines, at most as many as it gives at once. */
async function linesOf(expression: string): Promise<string[]> {
  const hours = 6 * 3_600_000_000_000;
  const params = { query: expression, limit: "5000", start: String(Date.now() * 1_000_000 - hours) };
  const { result } = await asked<{ result: { values: [string, string][] }[] }>("query_range", params);
  return result.flatMap(({ values }) => values.map(([, line]) => line));
}

/** How many lines it has of each container. */
const linesByContainer = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    (await query(`sum by (container) (count_over_time({job="logs"}[6h]))`)).map(({ metric, value }) => [
      metric["container"],
      Number(value[1]),
    ]),
  );

/** The lines that Docker has of a container, of which it breaks those in two that are longer than 16 KiB. */
async function linesOfDocker(container: string): Promise<string[]> {
  const { LogPath } = (await docker.getContainer(container).inspect()) as unknown as { LogPath: string };
  const [command, args] = asRoot("sh", ["-c", `cat ${LogPath}*`]);
  const { stdout } = await execa(command, args);
  return stdout.split("\n").map((line) => (JSON.parse(line) as { log: string }).log.replace(/\n$/, ""));
}

const isOwnNoise = (name: string) => [LOKI, COLLECTOR].includes(name);
const logged = async () =>
  Object.keys(await containerIds(PREFIX))
    .map((name) => `${PREFIX}${name}`)
    .filter((name) => !isOwnNoise(name));

/** Waits until Loki has each line of each container once, and no other. */
async function sameAsDockers(earlier: Readonly<Record<string, number>> = {}, seconds = 90): Promise<void> {
  let there: Record<string, number> = {};
  let found: Record<string, number> = {};
  await eventually("Loki has the lines that Docker has", seconds, async () => {
    const names = await logged();
    const counts = await Promise.all(
      names.map(async (name) => [name, (await linesOfDocker(name)).length + (earlier[name] ?? 0)] as const),
    );
    [there, found] = [Object.fromEntries(counts), await linesByContainer()];
    return isDeepStrictEqual(there, found);
  }).catch(() => {});
  assert.deepEqual(found, there);
  console.log(`lines: ${JSON.stringify(found)}`);
}

/** Waits until Loki has each line of the record of calls once. */
async function sameAsTheRecord(): Promise<number> {
  const idOf = (line: Record<string, unknown>) => `${String(line["audit"])} ${String(line["id"] ?? line["time"])}`;
  let there: string[] = [];
  let found: string[] = [];
  await eventually("Loki has the lines of the record", 90, async () => {
    there = (await rawAuditLines(`${PREFIX}ingress`)).map(idOf).sort();
    found = (await linesOf(`{job="calls"}`)).map((line) => idOf(JSON.parse(line) as Record<string, unknown>)).sort();
    return isDeepStrictEqual(there, found);
  }).catch(() => {});
  assert.deepEqual(found, there);
  return found.length;
}

const callAll = (client: string, ...calls: [times: number, name: string, args: Record<string, unknown>]) =>
  makeCalls(gateway, keys[client], ...calls);
const NOW = ["time-get_current_time", { timezone: "UTC" }] as const;

/** Names of the alerts that Prometheus has raised, with the job that they are about. */
async function alerts(): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/alerts`);
  const { data } = (await answer.json()) as { data: { alerts: { labels: Record<string, string>; state: string }[] } };
  return data.alerts
    .filter(({ state }) => state === "firing")
    .map(({ labels }) => `${labels["alertname"]} ${labels["job"] ?? ""}`);
}

/** Has the first program of a container write this many MB of long lines, of which each is another. */
async function writeLines(container: string, megabytes: number): Promise<void> {
  const program = `with open("/proc/1/fd/1", "w") as out:
    for number in range(${megabytes * 125}):
        out.write(f"{number:08} {'x' * 7990}\\n")`;
  const { exitCode, stderr } = await runInContainer(docker, container, ["python3", "-c", program]);
  assert.equal(exitCode, 0, stderr);
  const { LogPath } = (await docker.getContainer(container).inspect()) as unknown as { LogPath: string };
  const [command, args] = asRoot("sh", ["-c", `ls ${LogPath}*`]);
  console.log(`files of ${container}: ${(await execa(command, args)).stdout.split("\n").length}`);
}

// By client, server and outcome.
const recordedCounts = () => countsOfRecord(workspace, ({ client, server, outcome }) => [client, server, outcome]);

async function countsOfFigures(): Promise<Counts> {
  const answer = await fetch(`http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/query?query=ingress_tool_calls_total`);
  const { data } = (await answer.json()) as { data: { result: Sample[] } };
  return countsOfSamples(data.result, ["client", "mcp_server", "outcome"]);
}

async function countsOfLines(): Promise<Counts> {
  const calls = `{job="calls",outcome=~"answered|failed|lost|refused"} | unwrap count`;
  const samples = await query(`sum by (client, server, outcome) (sum_over_time(${calls} [6h]))`);
  return countsOfSamples(samples, ["client", "server", "outcome"]);
}

/**
 * What becomes of a question that a container asks. A connection says little: to an address that this machine has no way to,
 * whatever is before the internet may make it, and say that it knows no such page.
 */
async function answer(from: string, host: string, port: number, path = "/ready"): Promise<string> {
  const program = `import urllib.request
try:
    urllib.request.urlopen("http://${host}:${port}${path}", timeout=3).read()
    print("answered")
except Exception as error:
    print(getattr(error, "reason", error))`;
  return (await runInContainer(docker, `${PREFIX}${from}`, ["python3", "-c", program])).stdout.trim();
}

test("turned on for a deployed stack they replace no container but Prometheus, which asks them", longOnly, async () => {
  const { prometheus: before, ...ids } = await containerIds(PREFIX);
  await workspace.writeConfig({ ...config, ...WITH });
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  const { loki, "log-collector": collector, grafana, prometheus, ...others } = await containerIds(PREFIX);
  assert.ok(loki && collector && grafana && prometheus && prometheus !== before);
  assert.deepEqual(others, ids);
});

test("each part is healthy within a minute, and small", longOnly, async () => {
  for (const part of PARTS) {
    const { State } = await docker.getContainer(part).inspect();
    assert.equal(State.Health?.Status, "healthy");
    const well = State.Health.Log.find(({ ExitCode }) => ExitCode === 0)!;
    const seconds = (Date.parse(well.End) - Date.parse(State.StartedAt)) / 1000;
    const { stdout } = await execa("docker", ["stats", "--no-stream", "--format", "{{.MemUsage}}", part]);
    console.log(`${part}: healthy after ${seconds.toFixed(1)} s; memory: ${stdout}`);
    assert.ok(seconds < 60, `${part}: ${seconds} s`);
  }
  const status = await workspace.run("npm", ["run", "--silent", "status", "--", "--stack", STACK, "--json"]);
  assert.equal(status.exitCode, 0, status.output);
  const { containers } = JSON.parse(status.output.slice(status.output.indexOf("{"))) as {
    containers: { name: string; state: string }[];
  };
  for (const part of PARTS) assert.equal(containers.find(({ name }) => name === part)?.state, "healthy", part);
});

test("nothing changes without a change, before and after a refresh", longOnly, async () => {
  for (const command of ["preview", "refresh", "preview"] as const) {
    const { exitCode, output } =
      command === "preview"
        ? await workspace.previewWithoutChanges()
        : await workspace.pulumi("refresh", "--yes", "--expect-no-changes");
    assert.equal(exitCode, 0, output);
  }
});

test("each line of each container is there once, also of before", longOnly, () => sameAsDockers());

test("Loki keeps lines for the days that it is told to, and tells nobody that it runs", longOnly, async () => {
  const text = await (await fetch(`${API}/config`)).text();
  assert.match(text, /^ {2}retention_period: 5d$/m);
  assert.match(text, /^ {2}retention_enabled: true$/m);
  assert.match(text, /^ {2}reporting_enabled: false$/m);
});

test(
  "calls of three clients are in Loki, in the figures and in the record alike: answered, failed and refused",
  longOnly,
  async () => {
    const nowhere = ["time-get_current_time", { timezone: "Nowhere/At_All" }] as const;
    await Promise.all(
      ["test-key", "phone", "guest"].map(async (client) => {
        await callAll(client, 20, ...NOW);
        await callAll(client, 10, ...nowhere);
        await callAll(client, 5, "time-no_such_tool", {});
      }),
    );
    await callAll("guest", 15, "time-convert_time", { source_timezone: "UTC", time: "12:00", target_timezone: "UTC" });
    let recorded: Counts = {};
    let figures: Counts = {};
    let lines: Counts = {};
    // The scheduled check may have made a call between them.
    await eventually("all three are the same", 60, async () => {
      [recorded, figures, lines] = [await recordedCounts(), await countsOfFigures(), await countsOfLines()];
      return isDeepStrictEqual(figures, recorded) && isDeepStrictEqual(lines, recorded);
    }).catch(() => {});
    assert.deepEqual(figures, recorded);
    assert.deepEqual(lines, recorded);
    const outcomes = Object.keys(recorded).map((key) => key.split(" ").at(-1));
    assert.deepEqual(new Set(outcomes), new Set(["answered", "failed", "refused"]));
    console.log(`calls: ${JSON.stringify(recorded)}`);
  },
);

test("labels have few values, and a tool is none", longOnly, async () => {
  const labels = await asked<string[]>("labels");
  assert.deepEqual(labels.filter((label) => !label.startsWith("__")).sort(), [
    "client",
    "container",
    "job",
    "outcome",
    "server",
  ]);
  const values = (label: string) => asked<string[]>(`label/${label}/values`);
  assert.deepEqual((await values("job")).sort(), ["calls", "logs"]);
  assert.deepEqual((await values("container")).sort(), (await logged()).sort());
  assert.deepEqual((await values("server")).sort(), ["time"]);
  for (const client of await values("client"))
    assert.ok(["test-key", "phone", "guest", "scheduled-check"].includes(client), client);
  for (const outcome of await values("outcome"))
    assert.ok(["begun", "answered", "failed", "lost", "refused", "request refused"].includes(outcome), outcome);
});

test("every query of the dashboard for a Grafana has data, and every list above it has names", longOnly, async () => {
  const [start, end] = [Date.now() - RANGE_S * 1_000, Date.now()].map((time) => String(time * 1_000_000));
  for (const { panel, expr } of queriesOf("logs")) {
    const params = { query: asGrafana(expr), start: start!, end: end!, step: `${STEP_S}s`, limit: "10" };
    const { result } = await asked<{ result: { values: unknown[] }[] }>("query_range", params);
    assert.ok(
      result.some(({ values }) => values.length > 0),
      `${panel}: ${params.query}`,
    );
  }
  const chosen = asGrafana(queriesOf("logs").find(({ panel }) => panel === "Record of calls")!.expr, {
    ...{ client: "guest", server: "time", word: "CONVERT_time" },
  });
  const lines = await linesOf(chosen);
  assert.ok(lines.length >= 15);
  for (const line of lines) assert.match(line, /"guest".*convert_time/);
  for (const { label } of listsOf("logs")) assert.ok((await asked<string[]>(`label/${label}/values`)).length, label);
});

test(
  "a collector that is stopped for five minutes under calls, and a Loki that is away, lose and double no line",
  longOnly,
  async () => {
    for (const [part, seconds] of [
      [COLLECTOR, 300],
      [LOKI, 30],
    ] as const) {
      const started = Date.now();
      await docker.getContainer(part).stop();
      const away = `PartAway ${part.slice(PREFIX.length)}`;
      if (part === COLLECTOR) await eventually(`${away} is raised`, 120, async () => (await alerts()).includes(away));
      // Meanwhile Docker puts a file of it aside three times, and it is started again.
      if (part === COLLECTOR) {
        await writeLines(`${PREFIX}mcp-time`, 64);
        await docker.getContainer(`${PREFIX}mcp-time`).restart();
      }
      let calls = 0;
      while (Date.now() - started < seconds * 1000) {
        await callAll("phone", 10, ...NOW);
        calls += 10;
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      }
      await docker.getContainer(part).start();
      const lines = await eventually("it answers", 60, () => sameAsTheRecord().catch(() => undefined));
      console.log(`${part} stopped for ${seconds} s: ${calls} calls meanwhile, ${lines} lines of the record`);
      await eventually(`${away} is over`, 120, async () => !(await alerts()).includes(away));
    }
    await sameAsDockers({}, 240);
  },
);

test("lines of a container that was replaced are still found, and those of the next one too", longOnly, async () => {
  const time = `${PREFIX}mcp-time`;
  await sameAsDockers();
  const { [time]: before } = await linesByContainer();
  const text = (await linesOfDocker(time)).find((line) => line.trim())!;
  const { "mcp-time": first, "log-collector": collector, ...ids } = await containerIds(PREFIX);
  await callAll("phone", 5, ...NOW);
  const replace = ["--replace", "**mcp-time-container"];
  const { exitCode, output } = await workspace.pulumi("up", "--yes", "--skip-preview", ...replace);
  assert.equal(exitCode, 0, output);
  const { "mcp-time": second, "log-collector": another, ...others } = await containerIds(PREFIX);
  assert.deepEqual(others, ids);
  assert.notEqual(second, first);
  assert.notEqual(another, collector);
  // Not all lines of it, which are 64 MB.
  assert.ok((await linesOf(`{container="${time}"} |= \`${text}\``)).includes(text));
  await eventually("lines of both", 60, async () => {
    const { [time]: now } = await linesByContainer();
    return now! >= before! + (await linesOfDocker(time)).length;
  });
  // Of all others each line is there once, although another collector reads them.
  const { [time]: now } = await linesByContainer();
  await sameAsDockers({ [time]: now! - (await linesOfDocker(time)).length });
  await sameAsTheRecord();
});

test("no secret of the stack is in a label or a line", longOnly, async () => {
  const { deployment } = JSON.parse(await workspace.exportState({ showSecrets: true })) as {
    deployment: { resources: { urn: string; type: string; outputs?: { result?: { plaintext?: string } } }[] };
  };
  const secrets = Object.fromEntries(
    deployment.resources
      .filter(({ type }) => type === "random:index/randomPassword:RandomPassword")
      .map(({ urn, outputs }) => [urn.split("::").at(-1)!, JSON.parse(outputs!.result!.plaintext!) as string]),
  );
  for (const [client, key] of Object.entries(keys)) secrets[`key of ${client}`] = key;
  secrets["passphrase"] = workspace.env["PULUMI_CONFIG_PASSPHRASE"]!;
  assert.ok(Object.keys(secrets).length > 8, Object.keys(secrets).join());
  const found = async (text: string) =>
    (await query(`sum(count_over_time({job=~".+"} |= ${JSON.stringify(text)} [6h]))`)).length > 0;
  assert.ok(await found("get_current_time"), "what is there is found");
  const labels = JSON.stringify(
    await Promise.all((await asked<string[]>("labels")).map((label) => asked<string[]>(`label/${label}/values`))),
  );
  const series = JSON.stringify(await asked<object[]>("series", { "match[]": `{job=~".+"}` }));
  for (const [name, value] of Object.entries(secrets)) {
    assert.ok(value.length >= 16, name);
    assert.ok(!(await found(value)), `${name} is in a line`);
    assert.ok(!labels.includes(value) && !series.includes(value), `${name} is in a label`);
  }
  console.log(`${Object.keys(secrets).length} secrets were looked for`);
});

test("nobody reaches Loki or the collector but the host itself, and the collector Loki alone", longOnly, async () => {
  await assert.rejects(fetch(`http://${address}:${LOKI_PORT}/ready`), (error: Error) => {
    assert.equal((error.cause as { code?: string }).code, "ECONNREFUSED");
    return true;
  });
  const networks = async (name: string) => (await docker.getContainer(name).inspect()).NetworkSettings.Networks;
  const [loki, collector] = [await networks(LOKI), await networks(COLLECTOR)];
  assert.deepEqual(Object.keys(loki).sort(), [`${PREFIX}log-lines-net`, `${PREFIX}loki-net`]);
  assert.deepEqual(Object.keys(collector), [`${PREFIX}log-lines-net`]);
  for (const from of ["mcp-time", "litellm"]) {
    assert.match(await answer(from, "loki", 3100), /name resolution|not known/);
    for (const { IPAddress } of Object.values(loki))
      assert.notEqual(await answer(from, IPAddress, 3100), "answered", `${from} ${IPAddress}`);
    for (const { IPAddress } of Object.values(collector))
      assert.notEqual(await answer(from, IPAddress, 13133), "answered", `${from} ${IPAddress}`);
  }
  const { HostConfig, Mounts } = await docker.getContainer(COLLECTOR).inspect();
  assert.deepEqual([HostConfig.ReadonlyRootfs, HostConfig.CapDrop, HostConfig.CapAdd], [true, ["ALL"], null]);
  const ids = Object.entries(await containerIds(PREFIX));
  for (const { Type, Source, Destination, RW, Name } of Mounts)
    if (Type === "bind")
      assert.ok(
        !RW &&
          ids.some(([name, id]) => Source.endsWith(`/containers/${id}`) && Destination === `/logs/${PREFIX}${name}`),
        Source,
      );
    else assert.ok([`${PREFIX}ingress-audit false`, `${PREFIX}log-offsets true`].includes(`${Name} ${RW}`), Name);
  assert.equal(Mounts.filter(({ Type }) => Type === "bind").length, (await logged()).length);
});

/** Grafana's API, with a password of its user or without. */
async function grafana(where: string, password?: string, body?: object, port = GRAFANA_PORT) {
  const answer = await fetch(`http://127.0.0.1:${port}${where}`, {
    redirect: "manual",
    headers: {
      "content-type": "application/json",
      ...(password !== undefined && {
        authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`,
      }),
    },
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}
const grafanaPassword = async () => (await workspace.outputs()).grafanaPassword!;

test("Grafana lets in who has the stack's password, and nobody else", longOnly, async () => {
  const password = await grafanaPassword();
  assert.equal((await grafana("/api/user", password)).status, 200);
  for (const wrong of ["admin", ""]) assert.equal((await grafana("/api/user", wrong)).status, 401);
  for (const where of ["/api/user", "/api/dashboards/uid/litellm-mcp-gateway", "/api/datasources"])
    assert.equal((await grafana(where)).status, 401, where);
  assert.equal((await grafana("/api/health")).status, 200);
  await assert.rejects(fetch(`http://${address}:${GRAFANA_PORT}/api/health`), (error: Error) => {
    assert.equal((error.cause as { code?: string }).code, "ECONNREFUSED");
    return true;
  });
  const { NetworkSettings, HostConfig } = await docker.getContainer(GRAFANA).inspect();
  const networks = ["loki-net", "monitoring-net", "spend-net"].map((name) => `${PREFIX}${name}`);
  assert.deepEqual(Object.keys(NetworkSettings.Networks).sort(), networks);
  assert.deepEqual([HostConfig.ReadonlyRootfs, HostConfig.CapDrop, HostConfig.CapAdd], [true, ["ALL"], null]);
  for (const from of ["mcp-time", "litellm"])
    for (const { IPAddress } of Object.values(NetworkSettings.Networks))
      assert.notEqual(await answer(from, IPAddress, 3000, "/api/health"), "answered", `${from} ${IPAddress}`);
});

test("Grafana's password is in no variable, label, command or mount of any container", longOnly, async () => {
  const password = await grafanaPassword();
  for (const name of Object.keys(await containerIds(PREFIX))) {
    const seen = JSON.stringify(await docker.getContainer(`${PREFIX}${name}`).inspect());
    assert.ok(!seen.includes(password), name);
  }
});

test("every query of every dashboard is answered through Grafana, those for Loki with data", longOnly, async () => {
  const password = await grafanaPassword();
  let asked = 0;
  const answered = async (dashboard: string, panel: string, query: Readonly<Record<string, unknown>>) => {
    const queries = [{ refId: "A", intervalMs: STEP_S * 1_000, ...query }];
    const { status, text } = await grafana("/api/ds/query", password, { from: "now-30m", to: "now", queries });
    assert.equal(status, 200, `${dashboard}, ${panel}: ${text}`);
    asked += 1;
    return (JSON.parse(text) as { results: { A: { frames: unknown[] } } }).results.A.frames;
  };
  for (const [dashboard, type] of [
    ["gateway", "prometheus"],
    ["servers", "prometheus"],
    ["logs", "loki"],
  ] as const)
    for (const { panel, expr, instant } of queriesOf(dashboard)) {
      const kind = type === "loki" ? { queryType: "range" } : { instant, range: !instant };
      const datasource = { type, uid: `litellm-mcp-${type}` };
      const frames = await answered(dashboard, panel, { datasource, expr: asGrafana(expr), ...kind });
      if (type === "loki") assert.ok(frames.length, panel);
    }
  const datasource = { type: "grafana-postgresql-datasource", uid: "litellm-mcp-spend" };
  const all = { client: ["phone", "guest", "test-key"], model: ["none"] };
  for (const { panel, sql } of sqlOf("spend"))
    await answered("spend", panel, { datasource, ...{ rawSql: asGrafanaSql(sql, all), format: "table" } });
  console.log(`${asked} queries through Grafana`);
});

/** Commands of docs/grafana.md for a Grafana of one's own, for this stack, with the password of Postgres in a file. */
async function commandsOfTheDocs(container: string, port: number, passwordFile: string): Promise<string> {
  const page = await readFile(path.join(projectRoot, "docs/grafana.md"), "utf8");
  const block = (pattern: RegExp) => pattern.exec(page)!.slice(1) as [string, string];
  const [run, connect] = block(/^(docker run -d --name grafana [^`]*?)^(docker network connect loki-net grafana)$/m);
  const [mounts, andSpend] = block(/^((?: {2}-v .*spend.*\n)+)(docker network connect spend-net grafana)$/m);
  return [run.replace(/^(?= {2}-v grafana-data)/m, mounts), connect, andSpend]
    .join("\n")
    .replace("--name grafana", `--name ${container}`)
    .replace("127.0.0.1:3000:", `127.0.0.1:${port}:`)
    .replace("-v grafana-data:", `-v ${container}-data:`)
    .replace("grafana:VERSION", "grafana:12.3.2")
    .replace("$PWD/spend-password", passwordFile)
    .replace("--network ", `--network ${PREFIX}`)
    .replaceAll(/network connect (\S+) grafana/g, `network connect ${PREFIX}$1 ${container}`);
}

test(
  "a Grafana of one's own, by the commands of docs/grafana.md, has the same data sources and dashboards",
  longOnly,
  async () => {
    const [name, port] = [`${PREFIX}of-ones-own`, GRAFANA_PORT + 1];
    const folder = await mkdtemp(path.join(tmpdir(), "spend-"));
    try {
      const file = path.join(folder, "spend-password");
      await writeFile(file, (await workspace.outputs()).spendPassword!, { mode: 0o600 });
      await execa(...asRoot("chown", ["472", file]));
      await execa("sh", ["-euc", await commandsOfTheDocs(name, port, file)], { cwd: projectRoot });
      await eventually("it answers", 60, () =>
        grafana("/api/health", undefined, undefined, port).catch(() => undefined),
      );
      const asAdmin = (where: string) => grafana(where, "admin", undefined, port);
      for (const source of ["prometheus", "loki", "spend"]) {
        const { status, text } = await asAdmin(`/api/datasources/uid/litellm-mcp-${source}/health`);
        assert.equal(status, 200, `${source}: ${text}`);
      }
      for (const dashboard of ["gateway", "servers", "logs", "spend"])
        await eventually(`dashboard ${dashboard}`, 30, async () => {
          return (await asAdmin(`/api/dashboards/uid/litellm-mcp-${dashboard}`)).status === 200;
        });
    } finally {
      await execa("docker", ["rm", "--force", name]);
      await execa("docker", ["volume", "rm", `${name}-data`]);
      await rm(folder, { recursive: true });
    }
  },
);

test("without Prometheus verify names the data source that does not answer", longOnly, async () => {
  const prometheus = docker.getContainer(`${PREFIX}prometheus`);
  const verify = () => workspace.run("npm", ["run", "--silent", "verify", "--", "--stack", STACK, "--json"]);
  const stepOf = (output: string) =>
    (
      JSON.parse(output.slice(output.indexOf("{"))) as {
        steps: { step: string; outcome: string; said: string; findings: { seen: string }[] }[];
      }
    ).steps.find(({ step }) => step === "grafana")!;
  const well = await verify();
  assert.equal(well.exitCode, 0, well.output);
  assert.match(
    stepOf(well.output).said,
    /LiteLLM MCP gateway, LiteLLM MCP logs, LiteLLM MCP spend answer; 4 dashboards are there/,
  );
  await prometheus.stop();
  const { exitCode, output } = await verify();
  await prometheus.start();
  assert.equal(exitCode, 1, output);
  assert.equal(stepOf(output).outcome, "failed");
  const [{ seen } = { seen: "" }] = stepOf(output).findings;
  assert.match(seen, /data source LiteLLM MCP gateway \(prometheus\) is not well/);
  assert.doesNotMatch(seen, /loki/);
  await eventually("Prometheus is healthy", 60, async () => {
    const { State } = await prometheus.inspect();
    return State.Health?.Status === "healthy";
  });
});

test(
  "another password is Grafana's without another container, and one that somebody has changed is said",
  longOnly,
  async () => {
    const [old, ids] = [await grafanaPassword(), await containerIds(PREFIX)];
    const rotate = ["run", "rotate", "--", "--stack", STACK, "--grafana", "--yes"];
    const { exitCode, output } = await workspace.run("npm", rotate);
    assert.equal(exitCode, 0, output);
    const password = await grafanaPassword();
    assert.notEqual(password, old);
    assert.equal((await grafana("/api/user", old)).status, 401);
    assert.equal((await grafana("/api/user", password)).status, 200);
    assert.deepEqual(await containerIds(PREFIX), ids);

    const change = (oldPassword: string, newPassword: string) =>
      fetch(`http://127.0.0.1:${GRAFANA_PORT}/api/user/password`, {
        method: "PUT",
        headers: { authorization: `Basic ${Buffer.from(`admin:${oldPassword}`).toString("base64")}` },
        body: JSON.stringify({ oldPassword, newPassword }),
      });
    assert.equal((await change(password, "somebody's own")).status, 200);
    const up = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
    assert.equal((await change("somebody's own", password)).status, 200);
    assert.notEqual(up.exitCode, 0);
    assert.match(up.output, /does not know the stack's password of admin: HTTP 401/);
  },
);

test(
  "without the setting they go, with their networks and volumes, and nothing else changes but Prometheus",
  longOnly,
  async () => {
    const { loki, "log-collector": collector, grafana, prometheus, ...others } = await containerIds(PREFIX);
    assert.ok(loki && collector && grafana && prometheus);
    await workspace.writeConfig({ ...config, ...WITHOUT });
    const { exitCode, output } = await workspace.up();
    assert.equal(exitCode, 0, output);
    const { prometheus: alone, ...after } = await containerIds(PREFIX);
    assert.ok(alone && alone !== prometheus);
    assert.deepEqual(after, others);
    const left = await leftovers(PREFIX);
    assert.deepEqual(
      left.filter((name) => /loki|log-|grafana/.test(name)),
      [],
    );
    const preview = await workspace.previewWithoutChanges();
    assert.equal(preview.exitCode, 0, preview.output);
  },
);
