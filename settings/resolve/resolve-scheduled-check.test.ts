import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused, time, timeYaml } from "../../tests/small-stack.ts";

test("a scheduled check is there unless somebody turns it off", () => {
  const { minutes, alert, container, volume } = load({ config: { namePrefix: "lab-" } }).scheduledCheck!;
  assert.deepEqual(
    { minutes, alert, container, volume },
    { minutes: 15, alert: undefined, container: "lab-scheduled-check", volume: "lab-scheduled-check-state" },
  );
  assert.equal(load({ config: { scheduledCheck: { enabled: false } } }).scheduledCheck, undefined);
  assert.equal(load({ config: { scheduledCheck: null } }).scheduledCheck?.minutes, 15);
});

test("its key opens the tool of each check, and no model; another tool is denied, for what must fail", () => {
  const { client } = load({}).scheduledCheck!;
  assert.deepEqual([client.name, client.servers, client.models], ["scheduled-check", ["time"], []]);
  assert.deepEqual(client.rules, { time: { allow: [time.check.tool], deny: [] } });
});

test("a tool that costs something is not called each quarter of an hour", () => {
  for (const costs of [{ costPerCall: 0.01 }, { toolCosts: { [time.check.tool]: 0.01 } }])
    assert.deepEqual(load({ config: { servers: { time: costs } } }).scheduledCheck?.client.servers, []);
  const free = { costPerCall: 0.01, toolCosts: { [time.check.tool]: 0 } };
  assert.throws(() => load({ config: { servers: { time: free } } }), /USD, a number above 0/);
});

test("a server without a check is not called", () => {
  const files = timeYaml({ check: undefined });
  assert.deepEqual(load({ files }).scheduledCheck?.client.rules, {});
});

test("who is told, and the header that is asked for there", () => {
  const alert = { url: "http://gotify.lan/message", header: { name: "X-Gotify-Key", secret: "gotifyToken" } };
  assert.deepEqual(
    load({ config: { scheduledCheck: { alert } }, secretNames: ["gotifyToken"] }).scheduledCheck?.alert,
    alert,
  );
  const outside = { url: "https://ntfy.sh/mine", acceptRisks: ["outside-lan"] };
  assert.equal(load({ config: { scheduledCheck: { alert: outside } } }).scheduledCheck?.alert?.url, outside.url);
});

const ADDRESS = "an address such as http://192.168.1.30:8080/alerts, without ? and #: a token belongs into `header`";
refused([
  inStack(
    ...(["never", { scheduledCheck: { minutes: 0 } }, "scheduledCheck.minutes"] as const),
    ...(["0", "minutes, a whole number from 1 to 1440"] as const),
  ),
  inStack(
    ...(["off, where it is a map", { scheduledCheck: false }, "scheduledCheck"] as const),
    ...(["false", "a map with the keys enabled, minutes, alert"] as const),
  ),
  inStack(
    ...([
      "a token in the address",
      { scheduledCheck: { alert: { url: "http://gotify.lan/message?token=abc" } } },
      "scheduledCheck.alert.url",
    ] as const),
    ...(["a text that is not shown here", ADDRESS] as const),
  ),
  inStack(
    ...([
      "an address outside of the LAN",
      { scheduledCheck: { alert: { url: "https://ntfy.sh/mine" } } },
      "scheduledCheck.alert.url",
    ] as const),
    ...([
      "a text that is not shown here",
      "an address of the LAN; for one outside of it, acceptRisks: [outside-lan] beside it",
    ] as const),
  ),
  inStack(
    ...([
      "another client of this name",
      { clients: { "test-key": {}, "scheduled-check": {} } },
      "clients.scheduled-check",
    ] as const),
    ...(['"scheduled-check"', "another name: the scheduled check of this program has this one"] as const),
  ),
]);
