import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, type Ask, checkGrafana, setPassword } from "./ask-grafana.ts";
import type { GrafanaCheckInputs } from "./grafana-check.ts";

const INPUTS: GrafanaCheckInputs = {
  docker: { host: "unix:///none", sshOpts: [] },
  ...{ container: "lab-grafana", volume: "lab-grafana-data", password: "now" },
  sources: [
    { name: "Figures", uid: "figures", type: "prometheus", trial: { expr: "up", instant: true } },
    { name: "Lines", uid: "lines", type: "loki", trial: { expr: "vector(1)", queryType: "instant" } },
  ],
  dashboards: [{ uid: "calls", title: "Calls" }],
  triggers: [],
};
const GOOD: Record<string, Answer> = {
  "GET /api/datasources/uid/figures/health": { status: 200, body: { status: "OK", message: "well" } },
  "GET /api/datasources/uid/lines/health": { status: 200, body: { status: "OK", message: "well" } },
  "POST /api/ds/query": { status: 200, body: { results: { A: { frames: [{ data: { values: [[1], [1]] } }] } } } },
  "GET /api/dashboards/uid/calls": { status: 200, body: { dashboard: { uid: "calls" } } },
};
const REFUSED = { status: 401, body: { message: "Invalid username or password" } };

/** A Grafana with a password of its user, and what it was asked. */
function grafana(its: string, answers: Record<string, Answer> = GOOD) {
  let password = its;
  const asked: string[] = [];
  const ask: Ask = (given, method, path, data) => {
    asked.push(`${given}: ${method} ${path}`);
    if (given !== password) return Promise.resolve(REFUSED);
    if (path === "/api/user/password") {
      const { oldPassword, newPassword } = data as { oldPassword: string; newPassword: string };
      if (oldPassword !== password) return Promise.resolve(REFUSED);
      password = newPassword;
      return Promise.resolve({ status: 200, body: { message: "User password changed" } });
    }
    return Promise.resolve(answers[`${method} ${path}`] ?? { status: path === "/api/user" ? 200 : 404, body: {} });
  };
  return { ask, asked, password: () => password };
}
const first = () => Promise.resolve("first");

test("a new Grafana gets the stack's password in the place of what it made up, a rotated one in the place of the old", async () => {
  const fresh = grafana("first");
  await setPassword(INPUTS, undefined, fresh.ask, first);
  const rotated = grafana("before");
  await setPassword(INPUTS, "before", rotated.ask, first);
  assert.deepEqual([fresh.password(), rotated.password()], ["now", "now"]);
  const same = grafana("now");
  await setPassword(INPUTS, "now", same.ask, first);
  assert.deepEqual(same.asked, ["now: GET /api/user"]);
});

test("a password that somebody has changed there is an error, before Grafana lets in nobody any more", async () => {
  const theirs = grafana("theirs");
  await assert.rejects(
    setPassword(INPUTS, "before", theirs.ask, first),
    /^Error: Grafana \(container lab-grafana\) does not know the stack's password of admin: HTTP 401, Invalid username or password\. .*lab-grafana-data.*docs\/grafana\.md/,
  );
  assert.ok(theirs.asked.length < 5);
  const again = grafana("theirs");
  await assert.rejects(checkGrafana(INPUTS, 60, undefined, again.ask), /does not know the stack's password/);
  assert.equal(again.asked.length, 1);
});

test("it is good when each data source answers and each dashboard is there", async () => {
  assert.equal(
    await checkGrafana(INPUTS, 0, undefined, grafana("now").ask),
    "Figures, Lines answer; 1 dashboards are there",
  );
});

const WRONG: readonly (readonly [string, Record<string, Answer>, RegExp])[] = [
  [
    "a data source that does not answer",
    {
      "GET /api/datasources/uid/figures/health": {
        status: 400,
        body: { status: "ERROR", message: "dial tcp: lookup prometheus: no such host" },
      },
    },
    /data source Figures \(prometheus\) is not well: HTTP 400, dial tcp: lookup prometheus: no such host$/,
  ],
  [
    "a query without values",
    { "POST /api/ds/query": { status: 200, body: { results: { A: { frames: [{ data: { values: [[], []] } }] } } } } },
    /Figures \(prometheus\) answers a query with no values: HTTP 200; data source Lines \(loki\) answers/,
  ],
  [
    "a dashboard that is missing",
    { "GET /api/dashboards/uid/calls": { status: 404, body: { message: "Dashboard not found" } } },
    /dashboard Calls is not there: HTTP 404, Dashboard not found$/,
  ],
  [
    "something else on its port",
    { "GET /api/datasources/uid/figures/health": { status: 200, body: "<html>" } },
    /is not well: HTTP 200, <html>$/,
  ],
];
for (const [what, answers, message] of WRONG)
  test(`${what} is named`, () =>
    assert.rejects(checkGrafana(INPUTS, 0, undefined, grafana("now", { ...GOOD, ...answers }).ask), message));

test("what comes some seconds later is waited for", async () => {
  const { ask } = grafana("now");
  let times = 0;
  const late: Ask = (...request) =>
    request[2].startsWith("/api/dashboards") && ++times < 2
      ? Promise.resolve({ status: 404, body: {} })
      : ask(...request);
  await checkGrafana(INPUTS, 30, undefined, late);
  assert.equal(times, 2);
});
