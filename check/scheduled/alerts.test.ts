import assert from "node:assert/strict";
import { test } from "node:test";
import { alertOf } from "./alerts.ts";
import { BACKUP, DISK, FORBIDDEN, GATEWAY } from "./troubles.ts";

const WHERE = { stack: "lan", url: "http://linuxserver.lan:4000" };
const [SINCE, UNTIL] = ["2026-11-22T10:00:00.000Z", "2026-11-22T10:05:00.000Z"];
const change = (of: string, until: string | null = null) => ({
  ...{ of, since: SINCE, problem: `${of}: bad`, until, isGone: false },
});

for (const [of, name, begins, ends] of [
  [GATEWAY, "GatewayFails", "the gateway does not answer", "the gateway answers again"],
  [FORBIDDEN, "ForbiddenIsPossible", "something is possible that must fail", "what must fail fails again"],
  [
    DISK,
    "DiskNearlyFull",
    "the disk of the gateway's host is nearly full",
    "the disk of the gateway's host has room again",
  ],
  [BACKUP, "BackupFails", "the backup of each day is not right", "the backup is right again"],
  ["time", "McpServerFails", "MCP server time fails", "MCP server time works again"],
  // A name that every object has.
  ["constructor", "McpServerFails", "MCP server constructor fails", "MCP server constructor works again"],
] as const)
  test(`the alert of ${of} has a name, a beginning and an end`, () => {
    const [firing] = alertOf([change(of)], WHERE).alerts;
    const [resolved] = alertOf([change(of, UNTIL)], WHERE).alerts;
    assert.deepEqual(
      [firing!.labels["alertname"], firing!.annotations["summary"], resolved!.annotations["summary"]],
      [name, begins, ends],
    );
    assert.equal(firing!.labels["server"], name === "McpServerFails" ? of : undefined);
    assert.deepEqual([firing!.startsAt, resolved!.endsAt], [SINCE, UNTIL]);
  });

test("what Prometheus says has its name there, and the server or part as a label", () => {
  const labelsOf = (of: string) => alertOf([change(of)], WHERE).alerts[0]!.labels;
  assert.deepEqual(labelsOf("ServerAway time"), { alertname: "ServerAway", stack: "lan", server: "time" });
  assert.deepEqual(labelsOf("PartAway ingress"), { alertname: "PartAway", stack: "lan", part: "ingress" });
  assert.deepEqual(labelsOf("ManyRefusals"), { alertname: "ManyRefusals", stack: "lan" });
});

test("what is no longer looked at is called what it is", () => {
  const gone = (of: string) => alertOf([{ ...change(of, UNTIL), isGone: true }], WHERE).title;
  assert.equal(gone("time"), "MCP server time is no longer looked at (lan)");
  assert.equal(gone(BACKUP), "the backup is no longer looked at (lan)");
});

test("of several, what goes on is described and what is over is named", () => {
  const { status, title, message } = alertOf([change("time"), change("git", UNTIL)], WHERE);
  assert.equal(status, "firing");
  assert.equal(title, "MCP server time fails, MCP server git works again (lan)");
  assert.equal(message.split("\n").slice(0, 2).join("|"), "time: bad|MCP server git works again");
});
