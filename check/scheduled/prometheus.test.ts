import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  afterHearing,
  afterSilence,
  named,
  PROMETHEUS_ALERTS,
  readAlerts,
  silentAt,
  subjectOf,
  wordsOf,
} from "./prometheus.ts";
import { GATEWAY, MONITORING } from "./troubles.ts";

const NOW = Date.parse("2026-11-22T10:05:00Z");
const SERVERS = ["git", "time"];
/** As Prometheus 3.11 posts it. */
const serverAway = {
  annotations: { summary: "MCP server time has not answered its adapter for a minute: npm run doctor" },
  startsAt: "2026-11-22T10:03:20.123Z",
  endsAt: "2026-11-22T10:09:00.123Z",
  generatorURL: "http://4f1c:9090/graph?g0.expr=adapter_server_up+%3D%3D+0&g0.tab=1",
  labels: { alertname: "ServerAway", instance: "mcp-time:8000", job: "adapter", mcp_server: "time" },
};
const read = (body: unknown) =>
  readAlerts(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), SERVERS, NOW);

test("what goes on and what is over is told apart by its end", () => {
  const over = { ...serverAway, endsAt: "2026-11-22T10:04:59.999Z" };
  const said = { of: "ServerAway time", since: "2026-11-22T10:03:20.123Z", problem: serverAway.annotations.summary };
  for (const [alert, isOver] of [
    [serverAway, false],
    [over, true],
    [{ ...serverAway, endsAt: undefined }, false],
    [{ ...serverAway, endsAt: "0001-01-01T00:00:00.000Z" }, false],
  ] as const)
    assert.deepEqual(read([alert]), { said: [{ ...said, isOver }], problems: [] });
});

test("each alert is known by its name, and by the server or part that it is about", () => {
  const known = (labels: Record<string, string>) => read([{ ...serverAway, labels }]).said.map((one) => one.of);
  const adapter = { job: "adapter", instance: "mcp-git:8000", mcp_server: "git" };
  const ingress = { job: "ingress", instance: "ingress:4001" };
  assert.deepEqual(known({ alertname: "PartAway", ...adapter }), ["PartAway git"]);
  assert.deepEqual(known({ alertname: "PartAway", ...ingress }), ["PartAway ingress"]);
  assert.deepEqual(known({ alertname: "ToolsWithheld", ...adapter }), ["ToolsWithheld git"]);
  assert.deepEqual(known({ alertname: "LiteLlmRestarted", ...ingress }), ["LiteLlmRestarted"]);
  assert.deepEqual(known({ alertname: "ManyRefusals", job: "ingress" }), ["ManyRefusals"]);
});

describe("a body that is not as Prometheus sends it is refused, with a text", () => {
  const { labels } = serverAway;
  for (const [what, body, problem] of [
    ["no JSON", "{", /^the body is not JSON: /],
    ["no list", { alerts: [] }, /^the body is no list of alerts$/],
    ["too many", Array(257).fill(serverAway), /^the body has 257 alerts; at most 256$/],
    ["deep", `${"[".repeat(65)}${"]".repeat(65)}`, /^the body is nested 65 deep/],
    ["no alert", [null], /^alert 1: : Invalid input/],
    [
      "an alert of somebody else",
      [{ ...serverAway, labels: { ...labels, alertname: "KubeDown" } }],
      /labels\.alertname/,
    ],
    ["a label of somebody else", [{ ...serverAway, labels: { ...labels, severity: "page" } }], /"severity"/],
    [
      "another server",
      [{ ...serverAway, labels: { ...labels, mcp_server: "evil" } }],
      /^alert 1: labels: ServerAway is about a server of this stack, not about "evil"$/,
    ],
    [
      "a server of two words",
      [{ ...serverAway, labels: { ...labels, mcp_server: "time time" } }],
      /not about "time time"/,
    ],
    ["no server", [{ ...serverAway, labels: { alertname: "ServerAway", job: "ingress" } }], /not about "ingress"/],
    ["another part", [{ ...serverAway, labels: { alertname: "PartAway", job: "evil" } }], /a server or part of this/],
    ["nothing that is said", [{ ...serverAway, annotations: {} }], /annotations\.summary/],
    [
      "very much that is said",
      [{ ...serverAway, annotations: { summary: "x".repeat(1_001) } }],
      /annotations\.summary/,
    ],
    ["a long label", [{ ...serverAway, labels: { ...labels, instance: "x".repeat(301) } }], /labels\.instance/],
    ["no time", [{ ...serverAway, startsAt: "yesterday" }], /startsAt/],
  ] as const)
    test(what, () => {
      const { said, problems } = read(body);
      assert.deepEqual([said, problems.length], [[], 1]);
      assert.match(problems[0]!, problem);
    });

  test("but what is right beside it is heard", () => {
    const { said, problems } = read([{ ...serverAway, labels: { alertname: "KubeDown" } }, serverAway]);
    assert.deepEqual([said.map(({ of }) => of), problems.length], [["ServerAway time"], 1]);
  });
});

test("each alert has words of its own for its beginning and its end", () => {
  const words = (of: string) => Object.values(wordsOf(named(of)!));
  assert.deepEqual(words("ServerAway time"), ["MCP server time is away", "MCP server time is back"]);
  assert.deepEqual(words("PartAway time")[0], "the adapter of time does not answer Prometheus");
  assert.deepEqual(words("PartAway ingress")[0], "the ingress does not answer Prometheus");
  assert.deepEqual(words("PartAway log-collector"), [
    ...["the collector of logs does not answer Prometheus", "the collector of logs answers Prometheus again"],
  ]);
  assert.equal(
    new Set(PROMETHEUS_ALERTS.flatMap((alert) => words(`${alert} time`))).size,
    PROMETHEUS_ALERTS.length * 2,
  );
  for (const other of ["time", "constructor", GATEWAY]) assert.equal(named(other), undefined);
});

test("the watchdog is heard, is no alert of anybody, and ends a silence of five minutes or more", () => {
  const watchdog = { ...serverAway, labels: { alertname: "Watchdog" } };
  const { said, problems } = read([watchdog]);
  assert.deepEqual([said.map(({ of }) => of), problems, named("Watchdog")], [["Watchdog"], [], undefined]);
  assert.deepEqual(afterHearing([], said, SERVERS, NOW), { heard: [], gone: [] });
  assert.equal(afterSilence(null, [], NOW, NOW + 299_999), null);
  const silent = afterSilence(null, [], NOW, NOW + 300_000);
  assert.equal(silent?.of, MONITORING);
  assert.equal(afterSilence(silent, [], NOW + 400_000, NOW + 400_000), silent);
  assert.equal(afterSilence(silent, said, NOW + 400_000, NOW + 400_000), null);
});

test("a server that is away is one thing, whoever sees it; tools that are withheld are another", () => {
  assert.deepEqual(["ServerAway time", "PartAway time", "time"].map(subjectOf), ["time", "time", "time"]);
  assert.deepEqual(["PartAway ingress", "LiteLlmAway", GATEWAY].map(subjectOf), [GATEWAY, GATEWAY, GATEWAY]);
  for (const own of ["ToolsWithheld time", "LiteLlmRestarted", "ManyRefusals"]) assert.equal(subjectOf(own), own);
});

describe("what Prometheus has said", () => {
  const said = { of: "ServerAway time", since: "2026-11-22T10:03:20.123Z", problem: "is away" };
  const at = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString();
  const hear = (
    before: Parameters<typeof afterHearing>[0],
    isOver: boolean | undefined,
    minutes: number,
    servers?: string[],
  ) =>
    afterHearing(
      before,
      isOver === undefined ? [] : [{ ...said, since: at(minutes), isOver }],
      servers ?? SERVERS,
      NOW + minutes * 60_000,
    );

  test("goes on since it was said first, until it is over", () => {
    const first = hear([], false, 0);
    const again = hear(first.heard, false, 1);
    assert.deepEqual(again, { heard: [{ ...said, since: at(0), at: at(1) }], gone: [] });
    assert.deepEqual(hear(again.heard, true, 2), { heard: [], gone: [] });
    assert.deepEqual(hear([], true, 2), { heard: [], gone: [] }, "it is said for a quarter of an hour");
  });

  test("is over when it is said no more for ten minutes, or of a server that is not there any more", () => {
    const { heard } = hear([], false, 0);
    assert.deepEqual(hear(heard, undefined, 9.9).heard, heard);
    assert.equal(silentAt(heard), NOW + 600_000);
    assert.deepEqual(hear(heard, undefined, 10), { heard: [], gone: [said.of] });
    assert.deepEqual(hear(heard, undefined, 1, ["git"]), { heard: [], gone: [said.of] });
    assert.equal(silentAt([]), undefined);
  });

  test("is over where nobody listens any more", () => {
    assert.deepEqual(afterHearing(hear([], false, 0).heard, [], undefined, NOW), { heard: [], gone: [said.of] });
  });
});
