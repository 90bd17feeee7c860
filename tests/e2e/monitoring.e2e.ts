import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { execa } from "execa";
import pg from "pg";
import { parse, stringify } from "yaml";
import { parseState } from "../../check/scheduled/state.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { SCHEDULED_CHECK_STATE_FILE } from "../../components/gateway/scheduled-check.ts";
import { AlertReceiver } from "./alert-receiver.ts";
import { type Counts, countsOfRecord, countsOfSamples, makeCalls, type Sample } from "./counts.ts";
import { asGrafana, asGrafanaSql, listsOf, queriesOf, RANGE_S, sqlOf, STEP_S, WINDOW_S } from "./dashboards.ts";
import { bridgeAddress, containerIds, docker, leftovers, logsOf, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { addMoody, adapterSays, setMode } from "./moody.ts";
import { isLong, longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// A Prometheus of the stack's own: what it counts, what it says is wrong, and who reaches it. The real program, built by the lab.
const PREFIX = "e2e-monitoring-";
const STACK = "e2emonitoring";
const PORT = 30700;
const PROMETHEUS_PORT = 30790;
const PROMETHEUS = `${PREFIX}prometheus`;
const CHECK = `${PREFIX}scheduled-check`;
const API = `http://127.0.0.1:${PROMETHEUS_PORT}/api/v1`;
/** From what happens to an alert, and from its end to the alert's. */
const ALERT_S = 120;
const POSTGRES_PORT = PORT + 32;
const monitoring = {
  "litellm-mcp:monitoring": { port: PROMETHEUS_PORT, days: 5, mib: 128, logs: { enabled: false }, spend: true },
};

const receiver = new AlertReceiver();
let address: string;
let config: Record<string, unknown>;
let workspace: Workspace;
let gateway: string;
let keys: Record<string, string>;
let tools: Record<string, readonly string[]>;

const prices = (times: number) => ({ input_cost_per_token: 0.001 * times, output_cost_per_token: 0.002 * times });

before(async () => {
  await removeLeftovers(PREFIX);
  // Another address than the loopback, as a host has one in its LAN.
  address = await bridgeAddress();
  gateway = `http://${address}:${PORT}/mcp/`;
  config = {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:backup": {},
    // It is refused what it must not do, which is no burst.
    "litellm-mcp:scheduledCheck": { alert: { url: await receiver.start() } },
    "litellm-mcp:models": ["mock", "dear"].map((name, index) => ({
      ...{ name, params: { model: `openai/${name}`, api_key: "none", mock_response: "hi", ...prices(index) } },
    })),
    "litellm-mcp:clients": {
      "test-key": {},
      phone: { servers: ["time"], budget: 5 },
      guest: { servers: ["time", "moody"], tools: { time: { deny: ["convert_time"] } } },
    },
  };
  workspace = await Workspace.create(STACK, { ...config, ...monitoring });
  await addMoody(workspace, "moody");
  for (const server of await workspace.serverFolders())
    if (!["moody", "time"].includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  const { exitCode, output, seconds } = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
  console.log(`npm run up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys, tools } = await workspace.outputs());
});

after(async () => {
  await workspace.end();
  receiver.close();
  await removeLeftovers(PREFIX);
});

async function asked<T>(question: string): Promise<T> {
  const answer = await fetch(`${API}/${question}`);
  const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
  assert.equal(status, "success", `${question}: ${error}`);
  return data;
}

const query = async (expression: string, more = "") =>
  (await asked<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}${more}`)).result;

/** What each panel shows, as Grafana asks for it: every number of every series. */
async function shown(expr: string, instant: boolean): Promise<number[]> {
  if (instant) return (await query(expr)).map(({ value }) => Number(value[1]));
  const now = Date.now() / 1_000;
  const range = new URLSearchParams({ query: expr, start: `${now - RANGE_S}`, end: `${now}`, step: `${STEP_S}` });
  const { result } = await asked<{ result: { values: [number, string][] }[] }>(`query_range?${range}`);
  return result.flatMap(({ values }) => values.map(([, value]) => Number(value)));
}

/** Names of the alerts that are raised now, with the server where there is one. */
const alerts = async () =>
  (await asked<{ alerts: { state: string; labels: Record<string, string> }[] }>("alerts")).alerts
    .filter(({ state, labels }) => state === "firing" && labels["alertname"] !== "Watchdog")
    .map(({ labels }) => [labels["alertname"], labels["mcp_server"]].filter(Boolean).join(" "))
    .sort();

const raised = (name: string) => eventually(`${name} is raised`, ALERT_S, async () => (await alerts()).includes(name));
const cleared = (name: string) => eventually(`${name} is over`, ALERT_S, async () => !(await alerts()).includes(name));

/** Somebody is told of an alert, or of its end. */
const told = (alertname: string, status: "firing" | "resolved", server?: string) =>
  eventually(`${alertname} is told as ${status}`, ALERT_S, async () => receiver.told(alertname, status, server));

/** How long something took, for people. */
async function timed(what: string, done: Promise<unknown>): Promise<void> {
  const started = Date.now();
  await done;
  console.log(`${what}: ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

test("it is healthy within a minute, and small", async () => {
  const { State } = await docker.getContainer(PROMETHEUS).inspect();
  assert.equal(State.Health?.Status, "healthy");
  const well = State.Health.Log.find(({ ExitCode }) => ExitCode === 0)!;
  const seconds = (Date.parse(well.End) - Date.parse(State.StartedAt)) / 1000;
  const { stdout } = await execa("docker", ["stats", "--no-stream", "--format", "{{.MemUsage}}", PROMETHEUS]);
  console.log(`healthy after ${seconds.toFixed(1)} s; memory: ${stdout}`);
  assert.ok(seconds < 60, `${seconds} s`);
  const status = await workspace.run("npm", ["run", "--silent", "status", "--", "--stack", STACK, "--json"]);
  assert.equal(status.exitCode, 0, status.output);
  const { containers } = JSON.parse(status.output.slice(status.output.indexOf("{"))) as {
    containers: { name: string; state: string }[];
  };
  assert.equal(containers.find(({ name }) => name === PROMETHEUS)?.state, "healthy");
});

test("nothing changes without a change, before and after a refresh", async () => {
  for (const command of ["preview", "refresh", "preview"] as const) {
    const { exitCode, output } =
      command === "preview"
        ? await workspace.previewWithoutChanges()
        : await workspace.pulumi("refresh", "--yes", "--expect-no-changes");
    assert.equal(exitCode, 0, output);
  }
});

test("it hears the ingress, each adapter and the scheduled check, and keeps what it is told to", async () => {
  await eventually("each answers", 30, async () => {
    const { activeTargets } = await asked<{ activeTargets: { labels: Record<string, string>; health: string }[] }>(
      "targets",
    );
    const states = activeTargets.map(
      ({ labels, health }) => `${labels["job"]} ${labels["mcp_server"] ?? ""} ${health}`,
    );
    return states.sort().join() === "adapter moody up,adapter time up,ingress  up,scheduled-check  up";
  });
  // The check of the gateway has just tried what must be refused, with the key of each client.
  assert.deepEqual(await alerts(), []);
  const { storageRetention } = await asked<{ storageRetention: string }>("status/runtimeinfo");
  assert.equal(storageRetention, "5d or 128MiB");
});

const callAll = (client: string, ...calls: [times: number, name: string, args: Record<string, unknown>]) =>
  makeCalls(gateway, keys[client], ...calls);

async function chat(client: string, model: string): Promise<void> {
  const answer = await fetch(new URL("/v1/chat/completions", gateway), {
    method: "POST",
    headers: { authorization: `Bearer ${keys[client]}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

// By client, server, tool and outcome.
const recordedCounts = () =>
  countsOfRecord(workspace, ({ client, server, tool, outcome }) =>
    // A name that no server has is no label.
    [client, server, tools[server ?? ""]?.includes(tool ?? "") ? tool : "", outcome],
  );
const countsOfFigures = async () =>
  countsOfSamples(await query("ingress_tool_calls_total"), ["client", "mcp_server", "gen_ai_tool_name", "outcome"]);

test("calls of three clients are in its figures as npm run audit has them: answered, failed and refused", async () => {
  const now = ["time-get_current_time", { timezone: "UTC" }] as const;
  const nowhere = ["time-get_current_time", { timezone: "Nowhere/At_All" }] as const;
  await Promise.all(
    ["test-key", "phone", "guest"].map(async (client) => {
      await callAll(client, 30, ...now);
      await callAll(client, 15, ...nowhere);
      await callAll(client, 5, "time-no_such_tool", {});
    }),
  );
  await callAll("phone", 25, "moody-say", {});
  await chat("phone", "mock");
  await callAll("guest", 25, "time-convert_time", { source_timezone: "UTC", time: "12:00", target_timezone: "UTC" });
  await callAll("guest", 20, "moody-say", {});

  // The scheduled check may have made a call between the two.
  let recorded: Counts = {};
  let figures: Counts = {};
  await eventually("the figures are those of the record", 60, async () => {
    [recorded, figures] = [await recordedCounts(), await countsOfFigures()];
    return isDeepStrictEqual(figures, recorded);
  }).catch(() => {});
  assert.deepEqual(figures, recorded);
  const outcomes = Object.keys(recorded).map((key) => key.split(" ").at(-1));
  assert.deepEqual(new Set(outcomes), new Set(["answered", "failed", "refused"]));
  const total = Object.values(recorded).reduce((sum, count) => sum + count, 0);
  assert.ok(total >= 220, `${total} calls`);
  console.log(`${total} calls, ${Object.keys(recorded).length} kinds of them`);
  const heard = 'sum(mcp_server_operation_duration_seconds_count{job="adapter",mcp_method_name="tools/call"})';
  // They are asked at other moments than the ingress.
  await eventually("the adapters have counted those that reached them", 30, async () => {
    const [sample] = await query(heard);
    return Number(sample!.value[1]) >= 150;
  });
  await raised("ManyRefusals");
  const { annotations } = await told("ManyRefusals", "firing");
  assert.match(
    annotations["description"]!,
    /^[\d.]+ requests or calls were refused within five minutes: npm run audit/,
  );
});

const inPrometheus = (...command: string[]) => runInContainer(docker, PROMETHEUS, command);

/** Figures that are made up, and what Prometheus's own program for tests of rules says that they come to. */
async function comesTo(tests: readonly object[]): Promise<void> {
  const rules = { rule_files: ["/tmp/rules.yml"], evaluation_interval: "10s", tests };
  const file = "/tmp/rules.test.yml";
  const written = await runInContainer(docker, PROMETHEUS, ["sh", "-c", `cat > ${file}`], stringify(rules));
  assert.equal(written.exitCode, 0, written.stderr);
  const tested = await inPrometheus("promtool", "test", "rules", file);
  assert.equal(tested.exitCode, 0, tested.stdout + tested.stderr);
}

test("the program itself finds nothing wrong with its configuration, and the rules do what they are for", async () => {
  const checked = await inPrometheus("promtool", "check", "config", "/tmp/prometheus.yml");
  assert.equal(checked.exitCode, 0, checked.stdout + checked.stderr);
  const ingress = `instance="ingress:4001",job="ingress"`;
  const refused = `ingress_refusals_total{${ingress},client="",reason="unknown key"}`;
  /** At which times an alert is raised, and at which it is not. */
  const isRaised = (alert: string, times: Record<string, boolean>) =>
    Object.entries(times).map(([time, raisedThen]) => ({
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: time,
      exp_samples: raisedThen ? [{ labels: "{}", value: 1 }] : [],
    }));
  await comesTo([
    {
      name: "a burst that comes with the counter itself, and ends",
      interval: "10s",
      input_series: [
        { series: `up{${ingress}}`, values: "1x200" },
        { series: refused, values: "_x20 60x200" },
      ],
      promql_expr_test: isRaised("ManyRefusals", { "3m": false, "4m": true, "8m": true, "11m": false }),
    },
    {
      name: "many refusals of before, which are seen again after the ingress did not answer, are no burst",
      interval: "10s",
      input_series: [
        { series: `up{${ingress}}`, values: "1x20 0x5 1x60" },
        { series: refused, values: "500x20 stale _x5 500x60" },
      ],
      promql_expr_test: isRaised("ManyRefusals", { "3m": false, "4m": false, "5m": false, "8m": false }),
    },
    {
      name: "what clients ask for that are well",
      interval: "10s",
      input_series: [
        { series: `up{${ingress}}`, values: "1x60" },
        { series: `ingress_refusals_total{${ingress},client="phone",reason="no stream"}`, values: "0+10x60" },
      ],
      promql_expr_test: isRaised("ManyRefusals", { "3m": false, "5m": false }),
    },
    {
      name: "a LiteLLM that hangs, after two minutes, and one that is started again",
      interval: "10s",
      input_series: [{ series: `ingress_litellm_answers{${ingress}}`, values: "1x12 0x9 1x10 0x20 1x10" }],
      promql_expr_test: isRaised("LiteLlmAway", { "3m": false, "7m": false, "7m40s": true, "9m20s": false }),
    },
    {
      name: "a LiteLLM that was away without a word, for a quarter of an hour",
      interval: "10s",
      input_series: [
        { series: `ingress_litellm_restarts_since_start{${ingress}}`, values: "0x12 1x200" },
        { series: `ingress_litellm_losses_since_start{${ingress}}`, values: "0x12 1x200" },
      ],
      promql_expr_test: isRaised("LiteLlmRestarted", { "1m": false, "3m": true, "18m": false }),
    },
    {
      name: "a LiteLLM that was restarted as announced: not once or twice, but three times",
      interval: "10s",
      input_series: [
        { series: `ingress_litellm_restarts_since_start{${ingress}}`, values: "0x12 1x12 2x12 3x200" },
        { series: `ingress_litellm_losses_since_start{${ingress}}`, values: "0x236" },
      ],
      promql_expr_test: isRaised("LiteLlmRestarted", { "3m": false, "6m": false, "8m": true, "25m": false }),
    },
  ]);
});

test("no token is in its command line, labels, configuration or log, in the state, a preview or what was printed", async () => {
  const { deployment } = JSON.parse(await workspace.exportState({ showSecrets: true })) as {
    deployment: { resources: { urn: string; type: string; outputs?: { result?: { plaintext?: string } } }[] };
  };
  const tokens = Object.fromEntries(
    deployment.resources
      .filter(({ urn }) => urn.endsWith("-token"))
      .map(({ urn, outputs }) => [urn.split("::").at(-1)!, JSON.parse(outputs!.result!.plaintext!) as string]),
  );
  assert.deepEqual(Object.keys(tokens).sort(), ["mcp-moody-token", "mcp-time-token"]);
  const places: Record<string, string> = {
    state: await workspace.exportState({ showSecrets: false }),
    preview: (await workspace.pulumi("preview", "--diff", "--show-sames")).output,
    printed: workspace.printed,
  };
  for (const page of ["status/config", "status/flags", "status/runtimeinfo", "targets", "alerts", "rules"])
    places[page] = await (await fetch(`${API}/${page}`)).text();
  assert.match(places["status/config"]!, /credentials_file/);
  const holders: Record<string, readonly string[]> = {
    "mcp-moody-token": ["litellm", "mcp-moody", "prometheus"],
    "mcp-time-token": ["litellm", "mcp-time", "prometheus"],
  };
  for (const name of Object.keys(await containerIds(PREFIX))) {
    const { Config, ...rest } = await docker.getContainer(`${PREFIX}${name}`).inspect();
    places[`log of ${name}`] = await logsOf(`${PREFIX}${name}`);
    places[`inspect of ${name}`] = JSON.stringify([{ ...Config, Env: [] }, rest]);
    for (const [token, value] of Object.entries(tokens))
      assert.equal(Config.Env.join().includes(value), holders[token]!.includes(name), `${token} in ${name}`);
  }
  for (const [place, text] of Object.entries(places)) {
    assert.ok(text, `nothing to search in ${place}`);
    for (const [token, value] of Object.entries(tokens)) assert.ok(!text.includes(value), `${token} is in ${place}`);
  }
});

/** What becomes of a connection that a container makes. */
async function connection(from: string, host: string): Promise<string> {
  const program = `import socket
try:
    socket.create_connection((${JSON.stringify(host)}, 9090), 3)
    print("connected")
except OSError as error:
    print(type(error).__name__)`;
  return (await runInContainer(docker, `${PREFIX}${from}`, ["python3", "-c", program])).stdout.trim();
}

test("nobody reaches it but the host itself: not the LAN, no MCP server, not LiteLLM", async () => {
  await assert.rejects(fetch(`http://${address}:${PROMETHEUS_PORT}/`), (error: Error) => {
    assert.equal((error.cause as { code?: string }).code, "ECONNREFUSED");
    return true;
  });
  const { NetworkSettings } = await docker.getContainer(PROMETHEUS).inspect();
  const at = (network: string) => NetworkSettings.Networks[`${PREFIX}${network}`]!.IPAddress;
  assert.deepEqual(Object.keys(NetworkSettings.Networks).sort(), [
    ...["alerts-net", "litellm-ingress-net", "litellm-mcp-net", "monitoring-net"].map((one) => `${PREFIX}${one}`),
  ]);
  for (const from of ["mcp-time", "litellm"]) {
    assert.equal(await connection(from, "prometheus"), "gaierror");
    assert.equal(await connection(from, at("litellm-mcp-net")), "ConnectionRefusedError", from);
    assert.notEqual(await connection(from, at("monitoring-net")), "connected", from);
  }
  assert.equal(await connection("litellm", at("litellm-ingress-net")), "ConnectionRefusedError");
});

test("what takes its alerts is reached by Prometheus alone, and takes nothing else", async () => {
  const { NetworkSettings } = await docker.getContainer(CHECK).inspect();
  const { [`${PREFIX}alerts-net`]: own, [`${PREFIX}litellm-lan-net`]: lan, ...others } = NetworkSettings.Networks;
  assert.deepEqual(Object.keys(others), []);
  const { Containers, Internal } = await docker.getNetwork(`${PREFIX}alerts-net`).inspect();
  assert.equal(Internal, true);
  assert.deepEqual(
    Object.values(Containers ?? {})
      .map(({ Name }) => Name)
      .sort(),
    [PROMETHEUS, CHECK],
  );
  const ask = async (from: string, host: string) => {
    const program = `import urllib.request
try:
    urllib.request.urlopen("http://${host}:9093/api/v2/alerts", timeout=3)
except urllib.error.HTTPError as error:
    print(error.read())
except OSError as error:
    print(error)`;
    return (await runInContainer(docker, `${PREFIX}${from}`, ["python3", "-c", program])).stdout;
  };
  // Whatever else has such an address beyond this host gives another answer.
  const answer = /alerts are posted/;
  const hosts = ["alerts", own!.IPAddress, lan!.IPAddress];
  const asking = ["mcp-time", "litellm"].flatMap((from) => hosts.map((host) => ({ from, host })));
  await Promise.all(
    asking.map(async ({ from, host }) => {
      const said = await ask(from, host);
      assert.ok(said, `${from} ${host}`);
      assert.doesNotMatch(said, answer, `${from} ${host}`);
    }),
  );
  assert.match(await ask("litellm", lan!.IPAddress), /Connection refused/);
  const signal = AbortSignal.timeout(3_000);
  const ofHost = await fetch(`http://${own!.IPAddress}:9093/api/v2/alerts`, { signal }).catch(() => undefined);
  assert.doesNotMatch((await ofHost?.text()) ?? "", answer);
  const { activeAlertmanagers } = await asked<{ activeAlertmanagers: { url: string }[] }>("alertmanagers");
  assert.deepEqual(activeAlertmanagers, [{ url: "http://alerts:9093/api/v2/alerts" }]);
  const inCheck = async (options: RequestInit) => {
    const program = `const answer = await fetch("http://alerts:9093/api/v2/alerts", ${JSON.stringify(options)});
console.log(answer.status, await answer.text());`;
    return (await runInContainer(docker, CHECK, ["node", "--input-type=module", "-e", program])).stdout.trim();
  };
  const post = (body: unknown) => inCheck({ method: "POST", body: JSON.stringify(body) });
  assert.match(await inCheck({ method: "GET" }), answer);
  const startsAt = new Date().toISOString();
  assert.match(
    await post([{ labels: { alertname: "Made up" }, annotations: { summary: "x" }, startsAt }]),
    /^400 alert 1: /,
  );
  assert.equal(await post({}), "400 the body is no list of alerts");
  assert.match(await logsOf(CHECK), /"event":"alerts not taken","problem":"the body is no list of alerts"/);
});

test("it keeps its figures when it is started again", async () => {
  const before = Math.floor(Date.now() / 1000);
  const { length } = await query("ingress_tool_calls_total", `&time=${before}`);
  assert.ok(length > 5);
  await docker.getContainer(PROMETHEUS).restart();
  await eventually("it answers", 60, async () => {
    const samples = await query("ingress_tool_calls_total", `&time=${before}`).catch(() => []);
    return samples.length === length;
  });
});

test("a tool that is not as approved raises its alert", async () => {
  await callAll("test-key", 1, "moody-change", {});
  await timed("ToolsWithheld", raised("ToolsWithheld moody"));
  await told("ToolsWithheld", "firing", "moody");
});

test("an MCP server that ends, and an adapter that is gone, raise their alerts and clear them again", async () => {
  const moody = `${PREFIX}mcp-moody`;
  await setMode(moody, "end");
  await callAll("test-key", 1, "moody-leave", {}).catch(() => {});
  const time = docker.getContainer(`${PREFIX}mcp-time`);
  await time.stop();
  try {
    await Promise.all([
      ...[timed("ServerAway", raised("ServerAway moody")), timed("PartAway", raised("PartAway time"))],
      timed("ServerAway is told", told("ServerAway", "firing", "moody")),
      timed("PartAway is told", told("PartAway", "firing", "time")),
    ]);
    // It finds both away itself now, of which somebody was told.
    await docker.getContainer(CHECK).restart();
    if (isLong)
      await eventually("it is sure of both", ALERT_S, async () => {
        const { stdout } = await runInContainer(docker, CHECK, ["cat", SCHEDULED_CHECK_STATE_FILE]);
        const sure = parseState(stdout).troubles.flatMap(({ of, isSure }) => (isSure ? [of] : []));
        return ["moody", "time"].every((server) => sure.includes(server));
      });
  } finally {
    await setMode(moody, "well");
    await time.start();
  }
  await Promise.all([
    timed("ServerAway is over", cleared("ServerAway moody")),
    timed("PartAway is over", cleared("PartAway time")),
    timed("ToolsWithheld is over", cleared("ToolsWithheld moody")),
    timed("the end of ServerAway is told", told("ServerAway", "resolved", "moody")),
    timed("the end of PartAway is told", told("PartAway", "resolved", "time")),
    timed("the end of ToolsWithheld is told", told("ToolsWithheld", "resolved", "moody")),
  ]);
  for (const server of ["moody", "time"]) {
    assert.deepEqual(receiver.all("McpServerFails", "firing", server), [], "it is told once");
    const ofIt = ["ServerAway", "PartAway"].flatMap((alert) => receiver.all(alert, "firing", server));
    assert.equal(ofIt.length, 1, server);
  }
  await adapterSays(moody, /"up"/);
});

test("a burst of wrong keys raises its alert, once that of the refused calls is over", longOnly, async () => {
  await eventually("it is over", 330, async () => !(await alerts()).includes("ManyRefusals"));
  await timed("the end of ManyRefusals is told", told("ManyRefusals", "resolved"));
  for (let each = 0; each < 60; each += 1) {
    const { status } = await fetch(gateway, { method: "POST", headers: { authorization: "Bearer sk-nobodys" } });
    assert.equal(status, 401);
  }
  await timed("ManyRefusals", raised("ManyRefusals"));
});

test("a LiteLLM that is started again as it should raises no alert, and one that is killed does", async () => {
  const restarts = async (figure: string) =>
    Number((await query(`ingress_litellm_${figure}_since_start`))[0]?.value[1] ?? 0);
  const [before, lost] = [await restarts("restarts"), await restarts("losses")];
  const litellm = docker.getContainer(`${PREFIX}litellm`);
  await litellm.restart();
  await eventually("Prometheus has counted it", 60, async () => (await restarts("restarts")) > before);
  await eventually("it answers", 120, async () => (await query("ingress_litellm_answers"))[0]?.value[1] === "1");
  assert.equal(await restarts("losses"), lost);
  assert.ok(!(await alerts()).includes("LiteLlmRestarted"));
  // Until requests pass again, LiteLLM is away for the restart that was announced, and whatever happens to it is of that.
  await callAll("phone", 1, "time-get_current_time", { timezone: "UTC" });
  const { State } = await litellm.inspect();
  process.kill(State.Pid, "SIGKILL");
  // A call that is with LiteLLM in that moment is lost.
  const passes = () => callAll("phone", 1, "time-get_current_time", { timezone: "UTC" }).then(() => true);
  await eventually("calls pass again", 120, () => passes().catch(() => false));
  await timed("LiteLlmRestarted", raised("LiteLlmRestarted"));
  await told("LiteLlmRestarted", "firing");
});

test("a LiteLLM that hangs is told once, and its end", longOnly, async () => {
  const litellm = docker.getContainer(`${PREFIX}litellm`);
  await litellm.pause();
  try {
    await timed(
      "LiteLlmAway is told",
      eventually("it is told", 170, async () => receiver.told("LiteLlmAway", "firing")),
    );
  } finally {
    await litellm.unpause();
  }
  await timed("the end of LiteLlmAway is told", told("LiteLlmAway", "resolved"));
  assert.deepEqual(receiver.all("GatewayFails", "firing"), []);
});

/** Asks as the login for figures of spend does. */
async function asReader<Row extends pg.QueryResultRow>(sql: string, database = "litellm_db"): Promise<Row[]> {
  const { spendPassword } = await workspace.outputs();
  const client = new pg.Client({
    ...{ host: "127.0.0.1", port: POSTGRES_PORT, user: "spend_reader", password: spendPassword, database },
  });
  await client.connect();
  try {
    return [await client.query<Row>(sql)].flat().at(-1)!.rows;
  } finally {
    await client.end();
  }
}

/** By client, as `npm run status` shows it. */
async function spentAsStatusHasIt(): Promise<Record<string, number>> {
  const { output } = await workspace.run("npm", ["run", "--silent", "status", "--", "--stack", STACK, "--json"]);
  const { clients } = JSON.parse(output.slice(output.indexOf("{"))) as {
    clients: { name: string; spend: { spent: number } }[];
  };
  return Object.fromEntries(clients.map(({ name, spend }) => [name, Number(spend.spent.toFixed(6))]));
}

const spentByHour = async () =>
  Object.fromEntries(
    (
      await asReader<{ client: string; dollars: number }>(
        "SELECT client, sum(dollars) AS dollars FROM litellm_mcp_spend.by_hour WHERE client <> 'scheduled-check' GROUP BY 1",
      )
    ).map(({ client, dollars }) => [client, Number(dollars.toFixed(6))]),
  );

test("figures of spend are those of npm run status, and every query of their dashboard has data", async () => {
  for (const client of ["phone", "phone", "guest", "test-key"]) await chat(client, "dear");
  await chat("guest", "mock");
  await callAll("phone", 1, "time-get_current_time", { timezone: "UTC" });
  let [spent, shown]: Record<string, number>[] = [];
  await eventually("LiteLLM has written down what was spent", 60, async () => {
    [spent, shown] = [await spentByHour(), await spentAsStatusHasIt()];
    return isDeepStrictEqual(spent, shown) && Object.values(spent).every((dollars) => dollars > 0);
  }).catch(() => {});
  console.log(spent);
  assert.deepEqual(spent, shown);
  assert.deepEqual(Object.keys(spent!).sort(), ["guest", "phone", "test-key"]);
  assert.equal(spent!["phone"], 2 * spent!["test-key"]!);
  const budgets = await asReader<Record<string, number | string | null>>(
    "SELECT * FROM litellm_mcp_spend.budgets WHERE client IN ('phone', 'guest') ORDER BY 1 DESC",
  );
  assert.deepEqual(
    budgets.map(({ client, budget, available }) => [
      client,
      budget,
      available === null ? null : Number(available).toFixed(6),
    ]),
    [
      ["phone", 5, (5 - spent!["phone"]).toFixed(6)],
      ["guest", null, null],
    ],
  );

  const queries = sqlOf("spend");
  assert.ok(queries.length >= 13, `${queries.length} queries`);
  const all = { client: ["phone", "guest", "test-key"], model: ["mock", "dear"] };
  const answers: Record<string, Record<string, unknown>[]> = {};
  for (const { panel, sql } of queries) {
    answers[panel] = await asReader(asGrafanaSql(sql, all));
    assert.ok(answers[panel].length, panel);
    for (const row of answers[panel]) assert.ok(Object.keys(row).length, panel);
  }
  const counting = `SELECT count(*) FROM "LiteLLM_SpendLogs" WHERE model_group <> ''`;
  const psql = ["psql", "-XAt", "-U", "postgres", "-d", "litellm_db", "-c", counting];
  const rows = Number((await runInContainer(docker, `${PREFIX}postgres`, psql)).stdout);
  assert.ok(rows >= 5, `${rows} rows of models`);
  const total = Object.values(spent!).reduce((sum, one) => sum + one, 0);
  const sumOf = (panel: string, column: string) => answers[panel]!.reduce((sum, row) => sum + Number(row[column]), 0);
  for (const [panel, column] of [
    ["Spent", "spent"],
    ["Spent a day, by client", "value"],
    ["Spent a day, by model", "value"],
    ["By client", "spent"],
    ["By model", "spent"],
    ["Budgets", "spent"],
  ] as const)
    assert.equal(sumOf(panel, column).toFixed(6), total.toFixed(6), panel);
  for (const [panel, column] of [
    ["Requests to models", "requests"],
    ["Requests to models a day, by model", "value"],
    ["By model", "requests"],
  ] as const)
    assert.equal(sumOf(panel, column), rows, panel);
  assert.ok(sumOf("Tokens of models", "tokens") > 0);
  assert.equal(sumOf("Calls of tools", "calls"), sumOf("By tool", "calls"));
  assert.deepEqual(answers["model"]!.map(({ model }) => model).sort(), ["dear", "mock"]);
  const onePhone = await asReader<{ spent: number }>(
    asGrafanaSql(queries.find(({ panel }) => panel === "Spent")!.sql, { client: ["phone"] }),
  );
  assert.equal(onePhone[0]!.spent.toFixed(6), spent!["phone"].toFixed(6));
});

test("who reads figures of spend reads and changes nothing else", async () => {
  const refused = (sql: string, message: RegExp, database?: string) => assert.rejects(asReader(sql, database), message);
  const denied = /permission denied/;
  const tables = await asReader<{ name: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  assert.ok(tables.length > 20);
  for (const { name } of tables) await refused(`SELECT 1 FROM ${name}`, denied);
  for (const name of ["pg_authid", "pg_shadow", "pg_statistic"]) await refused(`SELECT * FROM ${name}`, denied);
  await refused("CREATE TABLE litellm_mcp_spend.mine ()", /read-only transaction/);
  const writing = "SET default_transaction_read_only = off; BEGIN READ WRITE;";
  for (const statement of [
    "CREATE TABLE litellm_mcp_spend.mine ()",
    "CREATE TABLE public.mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "CREATE SCHEMA mine",
    'DELETE FROM "LiteLLM_SpendLogs"',
    `UPDATE litellm_mcp_spend.budgets SET spent = 0`,
    "ALTER FUNCTION litellm_mcp_spend.budgets() SECURITY INVOKER",
    "SET ROLE litellm_user",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
  ])
    await refused(`${writing} ${statement}`, /permission denied|must be owner|cannot update/);
  for (const database of ["postgres", "template1", "mcp_db"])
    await refused("SELECT 1", /permission denied for database/, database);
  await refused("SELECT pg_sleep(60)", /statement timeout/);
  const secrets = await asReader(`SELECT to_jsonb(a)::text AS row FROM litellm_mcp_spend.by_hour a
    UNION ALL SELECT to_jsonb(b)::text FROM litellm_mcp_spend.budgets b`);
  for (const { row } of secrets) assert.doesNotMatch(String(row), /sk-|[0-9a-f]{32}|hello/);
  const { spendPassword } = await workspace.outputs();
  const places: Record<string, string> = {
    state: await workspace.exportState({ showSecrets: false }),
    printed: workspace.printed,
    ...Object.fromEntries(
      await Promise.all(
        Object.keys(await containerIds(PREFIX)).map(async (name) => [
          name,
          JSON.stringify(await docker.getContainer(`${PREFIX}${name}`).inspect()) + (await logsOf(`${PREFIX}${name}`)),
        ]),
      ),
    ),
  };
  for (const [place, text] of Object.entries(places)) assert.ok(!text.includes(spendPassword!), place);
});

test("a Grafana on the network of Postgres alone reaches it as the data source says", async () => {
  const { datasources } = parse(
    readFileSync(path.join(workspace.root, "examples/grafana/datasources-spend.yaml"), "utf8"),
  ) as { datasources: { url: string; user: string; jsonData: { database: string; sslmode: string } }[] };
  const { url, user, jsonData } = datasources[0]!;
  const network = `${PREFIX}spend-net`;
  const { Internal, Containers } = await docker.getNetwork(network).inspect();
  assert.equal(Internal, true);
  assert.deepEqual(
    Object.values(Containers ?? {}).map(({ Name }) => Name),
    [`${PREFIX}postgres`],
  );
  const { Image } = await docker.getContainer(`${PREFIX}postgres`).inspect();
  const { spendPassword } = await workspace.outputs();
  const address = `postgresql://${user}@${url}/${jsonData.database}?sslmode=${jsonData.sslmode}`;
  const psql = ["psql", "-XAt", address, "-c", "SELECT count(*) > 0 FROM litellm_mcp_spend.by_hour"];
  const { exitCode, stdout, stderr } = await execa(
    "docker",
    ["run", "--rm", "--network", network, "-e", "PGPASSWORD", Image, ...psql],
    { env: { PGPASSWORD: spendPassword }, reject: false },
  );
  assert.equal(exitCode, 0, stderr);
  assert.equal(stdout, "t");
});

test("what LiteLLM changes in its tables is not stopped by the views, and it starts with them", async () => {
  const admin = new pg.Client({
    ...{ host: "127.0.0.1", port: POSTGRES_PORT, user: "postgres", password: await workspace.postgresPassword() },
    database: "litellm_db",
  });
  await admin.connect();
  try {
    for (const statement of [
      "SET ROLE litellm_user",
      'ALTER TABLE "LiteLLM_SpendLogs" ALTER prompt_tokens TYPE bigint',
      'ALTER TABLE "LiteLLM_SpendLogs" RENAME call_type TO call_type_of_before',
      'ALTER TABLE "LiteLLM_SpendLogs" RENAME call_type_of_before TO call_type',
      'ALTER TABLE "LiteLLM_SpendLogs" ALTER prompt_tokens TYPE integer',
    ])
      await admin.query(statement);
  } finally {
    await admin.end();
  }
  const before = await spentByHour();
  assert.ok(before["phone"]! > 0);
  // It looks for migrations whenever it starts.
  await docker.getContainer(`${PREFIX}litellm`).restart();
  await chat("guest", "dear");
  await eventually("it writes down what is spent", 60, async () => (await spentByHour())["guest"]! > before["guest"]!);
});

test("after a restore the login works, whether the backup has its views or not", longOnly, async () => {
  const before = await spentByHour();
  const folder = await mkdtemp(path.join(tmpdir(), "spend-"));
  const done = async (...args: string[]) => {
    const { exitCode, output } = await workspace.run("npm", ["run", "--silent", ...args, "--stack", STACK]);
    assert.equal(exitCode, 0, output);
  };
  try {
    await done("backup", "--", "--to", folder);
    const [file = ""] = await readdir(folder);
    await done("restore", "--", path.join(folder, file), "--yes");
    assert.deepEqual(await spentByHour(), before);
    await assert.rejects(asReader("SELECT 1", "postgres"), /permission denied for database/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Panels with a query that finds nothing above zero here, and why. */
const MAY_BE_ZERO: Readonly<Record<string, string>> = {
  "Parts that do not answer": "all answer again",
  "What the scheduled check finds": "nothing is wrong any more",
  "Requests at LiteLLM": "a call is over before Prometheus looks",
  "Requests that wait": "LiteLLM is back",
  "Requests at LiteLLM, and those that wait": "both are over before Prometheus looks",
  Servers: "no call runs or waits, and nothing is withheld any more",
  "Calls in flight": "a call is over before Prometheus looks",
  Sessions: "LiteLLM ends one with its call, before Prometheus looks",
  "Requests without the token a minute": "nobody is on the network who has none",
};

test("every query of the dashboards for a Grafana has data, and is above zero where something happened", async () => {
  const queries = [...queriesOf("gateway"), ...queriesOf("servers")];
  assert.ok(queries.length > 40, `${queries.length} queries`);
  const started = Date.now();
  const empty: string[] = [];
  const zero = new Set<string>();
  for (const { dashboard, panel, expr, instant } of queries) {
    // A quantile of no calls is no number.
    const numbers = (await shown(asGrafana(expr), instant)).filter((value) => !Number.isNaN(value));
    if (!numbers.length) empty.push(`${dashboard}: ${panel}: ${expr}`);
    else if (!numbers.some((value) => value > 0)) zero.add(panel);
  }
  console.log(`${queries.length} queries in ${Date.now() - started} ms; at zero: ${[...zero].join(", ")}`);
  assert.deepEqual(empty, []);
  // Where a moment decides, it may be seen.
  assert.deepEqual(
    [...zero].filter((panel) => !Object.hasOwn(MAY_BE_ZERO, panel)),
    [],
  );

  for (const [dashboard, name, values] of [
    ["gateway", "client", ["guest", "phone", "test-key"]],
    ["gateway", "server", ["moody", "time"]],
    ["servers", "server", ["moody", "time"]],
  ] as const) {
    const { figure, label } = listsOf(dashboard).find((list) => list.name === name)!;
    const listed = await asked<string[]>(`label/${label}/values?match[]=${figure}`);
    assert.deepEqual(
      values.filter((value) => !listed.includes(value)),
      [],
      `${dashboard}: ${name}: ${listed.join()}`,
    );
  }
  const { expr } = queries.find(({ panel }) => panel === "Calls a minute, by client")!;
  const chosen = await query(asGrafana(expr, { client: "phone|guest", server: "time" }));
  assert.deepEqual(chosen.map(({ metric }) => metric["client"]).sort(), ["guest", "phone"]);
});

test("calls a minute on a dashboard: the first of its kind counts, and what was counted before an absence does not", async () => {
  const { expr } = queriesOf("gateway").find(({ panel }) => panel === "Calls a minute, by client")!;
  const ingress = `instance="ingress:4001",job="ingress"`;
  const phone = `ingress_tool_calls_total{${ingress},client="phone",mcp_server="time",outcome="answered"}`;
  const perMinute = (times: Readonly<Record<string, number>>) =>
    Object.entries(times).map(([time, value]) => ({
      expr: asGrafana(expr),
      eval_time: time,
      exp_samples: [{ labels: '{client="phone"}', value }],
    }));
  await comesTo([
    {
      name: "three calls that come with the counter itself",
      interval: "10s",
      input_series: [
        { series: `up{${ingress}}`, values: "1x60" },
        { series: phone, values: "_x20 3x40" },
      ],
      promql_expr_test: perMinute({ "3m20s": (3 * 60) / WINDOW_S, "3m50s": (3 * 60) / WINDOW_S, "4m": 0 }),
    },
    {
      name: "many calls of before, which are seen again after the ingress did not answer",
      interval: "10s",
      input_series: [
        { series: `up{${ingress}}`, values: "1x20 0x11 1x60" },
        { series: phone, values: "500x20 stale _x11 500x60" },
      ],
      promql_expr_test: perMinute({ "3m": 0, "5m40s": 0, "6m": 0, "7m": 0 }),
    },
  ]);
});

test("a Prometheus that stops is told to somebody, and its return", longOnly, async () => {
  const prometheus = docker.getContainer(PROMETHEUS);
  await prometheus.stop();
  const status = () => workspace.run("npm", ["run", "--silent", "status", "--", "--stack", STACK]);
  try {
    await timed(
      "PrometheusSilent is told",
      eventually("it is told", 400, async () => receiver.told("PrometheusSilent", "firing")),
    );
    assert.match(
      (await status()).output,
      /the scheduled check finds, since .*: Prometheus has said nothing for 5 minutes/,
    );
  } finally {
    await prometheus.start();
  }
  await timed("its end is told", told("PrometheusSilent", "resolved"));
  assert.equal(receiver.all("PrometheusSilent", "firing").length, 1);
  await eventually("it is healthy", 60, async () => (await status()).exitCode === 0);
});

test("who joins its network reaches it as the data source for a Grafana says", async () => {
  const { datasources } = parse(
    readFileSync(path.join(workspace.root, "examples/grafana/datasources.yaml"), "utf8"),
  ) as { datasources: { url: string }[] };
  const { Image } = await docker.getContainer(PROMETHEUS).inspect();
  const asks = ["promtool", Image, "query", "instant", datasources[0]!.url, 'count(up{job="adapter"})'];
  const run = ["run", "--rm", "--network", `${PREFIX}monitoring-net`, "--entrypoint"];
  const { exitCode, stdout, stderr } = await execa("docker", [...run, ...asks], { reject: false });
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /=> 2 @/);
});

test("without the setting it goes, with its networks and its figures; but for the scheduled check and Postgres nothing else changes", async () => {
  const before = await containerIds(PREFIX);
  await workspace.writeConfig(config);
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
  const { prometheus, "scheduled-check": check, postgres, ...others } = before;
  assert.ok(prometheus);
  const { "scheduled-check": checkNow, postgres: postgresNow, ...othersNow } = await containerIds(PREFIX);
  assert.deepEqual(othersNow, others);
  assert.notEqual(checkNow, check, "it listens no longer");
  assert.notEqual(postgresNow, postgres, "nobody reads figures of spend");
  const psql = ["psql", "-XAt", "-U", "postgres", "-d", "litellm_db", "-c"];
  const { stdout: reader } = await runInContainer(docker, `${PREFIX}postgres`, [
    ...[...psql, "SELECT count(*) FROM pg_roles WHERE rolname = 'spend_reader'"],
    ...["-c", "SELECT count(*) FROM pg_namespace WHERE nspname = 'litellm_mcp_spend'"],
    ...["-c", "SELECT has_database_privilege('mcp_readonly', 'litellm_db', 'CONNECT')"],
  ]);
  assert.deepEqual(reader.trim().split("\n"), ["0", "0", "t"]);
  const left = await leftovers(PREFIX);
  assert.deepEqual(
    left.filter((name) => /prometheus|monitoring-net|alerts-net|spend-net/.test(name)),
    [],
  );
  const preview = await workspace.previewWithoutChanges();
  assert.equal(preview.exitCode, 0, preview.output);
});
