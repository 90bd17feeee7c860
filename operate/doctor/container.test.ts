import assert from "node:assert/strict";
import { test } from "node:test";
import { type Inspected, judge } from "./container.ts";

const container = (state: Partial<Inspected["State"]>, restarts = 0): Inspected => ({
  State: { Status: "running", OOMKilled: false, ExitCode: 0, ...state },
  HostConfig: { Memory: 256 * 2 ** 20 },
  RestartCount: restarts,
});
const health = (status: string, output = "") => ({ Health: { Status: status, Log: [{ Output: output }] } });

test("a container that runs, and is healthy where it can say so, is no finding, whatever its log says", () => {
  assert.equal(judge("gw-redis", container({}), ""), undefined);
  assert.equal(judge("gw-redis", container(health("none")), ""), undefined);
  assert.equal(judge("gw-litellm", container(health("healthy"), 2), "Can't reach database server"), undefined);
});

test("one that is started again and again is a finding, though it is healthy between", () => {
  const found = judge("gw-mcp-git", container(health("healthy"), 3), "");
  assert.equal(found?.seen, "container gw-mcp-git is running and healthy, was started again 3 times");
  assert.match(found?.fix ?? "", /docker logs --tail 50 gw-mcp-git/);
});

test("what was seen has state, exit code and the words of the healthcheck", () => {
  assert.equal(
    judge("gw-mcp-time", container({ Status: "exited", ExitCode: 3 }, 1), "")?.seen,
    "container gw-mcp-time is exited, was started again 1 times, ended with exit code 3",
  );
  assert.equal(
    judge("gw-litellm", container(health("unhealthy", "no answer within 4 s\n")), "")?.seen,
    "container gw-litellm is running and unhealthy, says no answer within 4 s",
  );
  assert.equal(judge("gw-litellm", container(health("starting")), "")?.fix, "look again in a minute");
});

test("one that needed more memory than it may have is told its limit", () => {
  const found = judge("gw-mcp-fetch", container({ Status: "exited", OOMKilled: true, ExitCode: 137 }), "");
  assert.equal(found?.means, "it needed more memory than its 256 MiB");
});

/** Lines as programs print them. */
for (const [line, means, fix] of [
  ["Error: P1001: Can't reach database server at `postgres:5432`", "does not reach Postgres", "npm run up"],
  ['FATAL:  password authentication failed for user "litellm_user"', "another password", "rotate -- --databases"],
  ['FATAL:  database "litellm_db" does not exist', "database is gone", "--refresh"],
  ["OSError: [Errno 28] No space left on device", "disk is full", "df -h"],
  ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory", "limits.memory"],
  ["RuntimeError: can't start new thread", "no more processes", "limits.pids"],
  ["OSError: [Errno 30] Read-only file system: '/data/x'", "nothing can be written", "limits.tmp"],
  ["socket.gaierror: [Errno -3] Temporary failure in name resolution", "name is not known", "egress"],
  ["ssl.SSLCertVerificationError: certificate verify failed", "certificate", "timedatectl"],
  ["Error: listen EADDRINUSE: address already in use 0.0.0.0:8000", "port is taken", "docker restart"],
] as const)
  test(`a log says that ${means}`, () => {
    const found = judge("gw-x", container(health("unhealthy", "no answer")), `starting\n${line}\nending`);
    assert.match(found?.means ?? "", new RegExp(means));
    assert.match(found?.fix ?? "", new RegExp(fix));
  });
