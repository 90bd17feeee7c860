import assert from "node:assert/strict";
import { test } from "node:test";
import { showMarkdown, showTables } from "./show.ts";
import { type ContainerStatus, problemsOf, type ServerStatus, type Status } from "./status.ts";

const container: ContainerStatus = {
  name: "mcp-time",
  part: "mcp-time",
  state: "healthy",
  since: "2026-11-22T01:08:27.535Z",
  image: "litellm-mcp/time:672e23c995ab",
  memory: { bytes: 74 * 2 ** 20, limit: 256 * 2 ** 20 },
  restarts: 0,
  networks: ["litellm-mcp-net"],
  ports: [],
  said: "",
};
const calls = {
  hour: { calls: 3, errors: 1, refused: 2, p50: 18, p95: 250 },
  day: { calls: 1_203, errors: 4, refused: 40, p50: 21, p95: 300 },
};
const server: ServerStatus = {
  ...{ name: "time", state: "up", tools: 2, approved: 2, withheld: 0, restarts: 0, calls },
};
const good: Status = {
  stack: "lan",
  gateway: { url: "http://192.168.1.10:4000", isUp: true, said: "" },
  isChecked: true,
  containers: [container],
  servers: [server],
  clients: [
    {
      name: "phone",
      rules: { time: { allow: null, deny: ["convert_time"] }, git: { allow: ["git_log"], deny: [] } },
      ...{ calls, spend: { spent: 0.123456, budget: 5, left: 4.876544, renewed: "2026-12-01T00:00:00+00:00" } },
    },
  ],
  auditProblem: "",
  networks: [
    { name: "litellm-mcp-net", isThere: true, isInternal: true, isOwn: true, members: ["litellm", "mcp-time"] },
    { name: "postgres-net", isThere: true, isInternal: false, isOwn: false, members: ["litellm", "postgres"] },
  ],
  volumes: ["ingress-audit"],
  databases: { where: "postgres", databases: [{ name: "litellm_db", bytes: 9 * 2 ** 20 }], problem: "" },
  backup: {
    container: "backup",
    newest: { name: "lan-2026-11-22T03-30-00Z.tar", made: "2026-11-22T03:30:00Z", bytes: 3 * 2 ** 20 },
    ...{ kept: 7, folder: "/backups/nightly-lan", next: "2026-11-23T03:30:00Z", problems: [] },
  },
  scheduledCheck: {
    container: "scheduled-check",
    last: { at: "2026-11-22T10:00:00Z", seconds: 0.31, tried: ["the gateway", "time", "what must fail"] },
    ...{ next: "2026-11-22T10:15:00Z", problems: [] },
  },
  secrets: ["litellm-master-key", "litellm-mcp:secrets.openaiKey"],
  docker: { host: "unix:///var/run/docker.sock", version: "28.0.0" },
};

test("a stack that is as it should be has no problem", () => {
  assert.deepEqual(problemsOf(good), []);
  const unchecked = { ...server, state: "without an adapter", tools: null };
  assert.deepEqual(problemsOf({ ...good, servers: [unchecked] }), []);
  assert.deepEqual(problemsOf({ ...good, containers: [{ ...container, state: "running" }] }), []);
});

for (const [what, changes, expected] of [
  [
    "a gateway that does not answer",
    { gateway: { ...good.gateway, isUp: false, said: "refused" } },
    /^the gateway at .* refused$/,
  ],
  ["an up that never came to its end", { isChecked: false }, /gateway check: npm run up -- --stack lan$/],
  [
    "a container that is gone",
    { containers: [{ ...container, state: "missing" }] },
    /mcp-time is not there: npm run up/,
  ],
  [
    "what the scheduled check has found, once",
    {
      containers: [{ ...container, name: "scheduled-check", state: "unhealthy" }],
      scheduledCheck: { ...good.scheduledCheck!, problems: ["the scheduled check finds: time lists no tools"] },
    },
    /^the scheduled check finds: time lists no tools$/,
  ],
  [
    "a container that does not run, once: its server cannot be asked",
    {
      containers: [{ ...container, state: "exited" }],
      servers: [{ ...server, state: "no answer: it is not running" }],
    },
    /^container mcp-time does not run/,
  ],
  [
    "one that has ended",
    { containers: [{ ...container, state: "exited" }] },
    /does not run \(exited, since 2026-11-22/,
  ],
  ["one that is paused", { containers: [{ ...container, state: "paused" }] }, /paused: docker unpause mcp-time$/],
  [
    "one that is not healthy",
    { containers: [{ ...container, state: "unhealthy", said: "no" }] },
    /unhealthy: no\. Its log: docker logs mcp-time$/,
  ],
  ["one that starts", { containers: [{ ...container, state: "starting" }] }, /has not been healthy yet/],
  ["a server that is down", { servers: [{ ...server, state: "down" }] }, /^server time is down$/],
  [
    "a server whose adapter does not answer",
    { servers: [{ ...server, state: "no answer: gone" }] },
    /not known: no answer: gone$/,
  ],
  [
    "tools that are withheld",
    { servers: [{ ...server, tools: 1, withheld: 1 }] },
    /lists 1 tools .* npm run tools -- diff time --stack lan$/,
  ],
  ["tools that are missing", { servers: [{ ...server, tools: 1 }] }, /shows 1 tools of 2: npm run tools -- diff time/],
  [
    "a network that is gone",
    { networks: [{ ...good.networks[0]!, isThere: false }] },
    /network litellm-mcp-net is not there/,
  ],
  [
    "a database that does not answer",
    { databases: { ...good.databases, problem: "no socket" } },
    /Postgres .* no socket$/,
  ],
  [
    "a backup that failed",
    {
      containers: [{ ...container, name: "backup", state: "unhealthy", said: "the backup of today failed: no space" }],
      backup: { ...good.backup!, problems: ["the backup of today failed: no space"] },
    },
    /^the backup of today failed: no space$/,
  ],
  [
    "a container for backups that is unhealthy for another reason",
    { containers: [{ ...container, name: "backup", state: "unhealthy", said: "bash is gone" }] },
    /^container backup is unhealthy: bash is gone/,
  ],
  ["a record of calls that cannot be read", { auditProblem: "no ls" }, /record of calls cannot be read: no ls$/],
] as const) {
  test(`a problem: ${what}`, () => {
    const [problem, ...more] = problemsOf({ ...good, ...changes });
    assert.match(problem ?? "", expected);
    assert.deepEqual(more, []);
  });
}

test("the tables say everything, and then the problems", () => {
  const text = showTables(good, []);
  for (const part of [
    "mcp-time",
    "74 MiB of 256 MiB",
    "2026-11-22 01:08 UTC",
    "time (not convert_time), git (only git_log)",
    "9 MiB",
    "$4.8765, new at 2026-12-01 00:00 UTC",
  ])
    assert.ok(text.includes(part), `${part} is not in\n${text}`);
  assert.match(text, /│ time +│ 3 \/ 1203 +│ 1 \/ 4 +│ 18 \/ 21 +│ 250 \/ 300 +│/);
  assert.match(text, /│ phone +│ 3 \/ 1203 +│ 1 \/ 4 +│ 2 \/ 40 +│ \$0\.1235 +│/);
  assert.match(text, /Stack lan is as it should be/);
  const bad = showTables(good, ["server time is down"]);
  assert.match(bad, /✖ server time is down/);
  assert.doesNotMatch(bad, /as it should be/);
});

test("the newest good backup is shown, and that there is none", () => {
  const row = /│ lan-2026-11-22T03-30-00Z\.tar │ 2026-11-22 03:30 UTC │ 3\.0 MiB │ 7 +│ 2026-11-23 03:30 UTC │/;
  assert.match(showTables(good, []), row);
  const none = { ...good, backup: { ...good.backup!, newest: null, kept: 0 } };
  assert.match(showTables(none, []), /│ none +│ – +│ – +│ 0 +│ 2026-11-23 03:30 UTC │/);
  assert.doesNotMatch(showTables({ ...good, backup: null }, []), /Backups/);
});

test("calls and spend that nobody knows are not shown as none", () => {
  const unknown = { ...good, servers: [{ ...server, calls: null }] };
  const text = showTables({ ...unknown, clients: [{ ...good.clients[0]!, calls: null, spend: null }] }, []);
  assert.match(text, /│ time +│ – +│ – +│ – +│ – +│/);
  assert.match(text, /│ phone +│ – +│ – +│ – +│ – +│ – +│/);
  const idle = { calls: 0, errors: 0, refused: 0, p50: null, p95: null };
  const quiet = showTables({ ...good, servers: [{ ...server, calls: { hour: idle, day: idle } }] }, []);
  assert.match(quiet, /│ time +│ 0 \/ 0 +│ 0 \/ 0 +│ – \/ – +│ – \/ – +│/);
});

test("the document has names of keys, and tables that Markdown can read", () => {
  const text = showMarkdown(good, ["a | b"], new Date("2026-11-22T02:00:00Z"));
  assert.match(text, /^# Stack lan: what there is\n/);
  assert.match(text, /\| litellm-mcp:secrets\.openaiKey \|/);
  assert.match(text, /\| postgres-net \| somebody else's, with a way out \| litellm, postgres \|/);
  assert.match(text, /2026-11-22 02:00 UTC/);
  assert.match(text, /- a \| b$/);
  const tables = text.split("\n").filter((line) => line.startsWith("|"));
  const columns = new Map<string, number>();
  let heading = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("## ")) heading = line;
    if (!line.startsWith("|")) continue;
    const count = line.split("|").length;
    assert.equal(count, columns.get(heading) ?? count, line);
    columns.set(heading, count);
  }
  assert.ok(tables.length > 20);
});
