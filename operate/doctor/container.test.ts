import assert from "node:assert/strict";
import { test } from "node:test";
import { haltedOf, type Inspected, judge } from "./container.ts";

const container = (state: Partial<Inspected["State"]>, restarts = 0): Inspected => ({
  State: { Status: "running", OOMKilled: false, ExitCode: 0, Error: "", ...state },
  HostConfig: { Memory: 256 * 2 ** 20 },
  RestartCount: restarts,
});
const health = (status: string, output = "") => ({ Health: { Status: status, Log: [{ Output: output }] } });

test("a container that runs, and is healthy where it can say so, is no finding, whatever its log says", () => {
  assert.equal(judge("gw-redis", container({}), { log: "" }), undefined);
  assert.equal(judge("gw-redis", container(health("none")), { log: "" }), undefined);
  assert.equal(judge("gw-litellm", container(health("healthy"), 2), { log: "Can't reach database server" }), undefined);
});

test("one that is started again and again is a finding, though it is healthy between", () => {
  const found = judge("gw-mcp-git", container(health("healthy"), 3), { log: "" });
  assert.equal(found?.seen, "container gw-mcp-git is running and healthy, was started again 3 times");
  assert.match(found?.fix ?? "", /docker logs --tail 50 gw-mcp-git/);
});

test("what was seen has state, exit code and the words of the healthcheck", () => {
  assert.equal(
    judge("gw-mcp-time", container({ Status: "exited", ExitCode: 3 }, 1), { log: "\n1\n2\n3\n4\n5\nno such option\n" })
      ?.seen,
    "container gw-mcp-time is exited, was started again 1 times, ended with exit code 3\n2\n3\n4\n5\nno such option",
  );
  assert.equal(
    judge("gw-litellm", container(health("unhealthy", "no answer within 4 s\n")), { log: "" })?.seen,
    "container gw-litellm is running and unhealthy, says no answer within 4 s",
  );
  assert.equal(judge("gw-litellm", container(health("starting")), { log: "" })?.fix, "look again in a minute");
  const late = judge("gw-mcp-x", container(health("unhealthy", "Health check exceeded timeout (10s)")), { log: "" });
  assert.match(late?.means ?? "", /or the host has more to do than it can/);
});

test("one that needed more memory than it may have is told its limit", () => {
  const found = judge("gw-mcp-fetch", container({ Status: "exited", OOMKilled: true, ExitCode: 137 }), { log: "" });
  assert.equal(found?.means, "it needed more memory than its 256 MiB");
});

/** Lines as programs print them. */
for (const [line, means, fix] of [
  ["FATAL:  sorry, too many clients already", "takes no more connections", "pg_stat_activity"],
  [
    "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
    "no more connections",
    "psql",
  ],
  ["[Errno 13] Permission denied: '/data/memory.json'", "belong to somebody else", "--refresh"],
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
    const found = judge("gw-x", container(health("unhealthy", "no answer")), { log: `starting\n${line}\nending` });
    assert.match(found?.means ?? "", new RegExp(means));
    assert.match(found?.fix ?? "", new RegExp(fix));
  });

/** As Docker 20.10 to 28 say it, of a container that they could not start. */
const PROXY =
  "driver failed programming external connectivity on endpoint gw-ingress (73bc9f4d8889): Error starting userland proxy: ";
for (const [what, error, means, fix] of [
  [
    "somebody else has its port",
    `${PROXY}listen tcp4 192.168.1.10:4000: bind: address already in use`,
    /^nginx \(process 812\) has port 4000 on 192\.168\.1\.10$/,
    /end it, then npm run up/,
  ],
  [
    "another container has its port",
    "driver failed programming external connectivity on endpoint gw-ingress (73bc): Bind for 192.168.1.10:4000 failed: port is already allocated",
    /has port 4000/,
    /npm run up/,
  ],
  [
    "Docker's proxy has its port",
    `${PROXY}listen tcp4 192.168.1.10:5432: bind: address already in use`,
    /Docker's own proxy \(docker-proxy \(process 99\)\) still has port 5432/,
    /docker ps --filter publish=5432.*systemctl restart docker/,
  ],
  [
    "the host does not tell who has its port",
    `${PROXY}listen tcp4 192.168.1.10:4001: bind: address already in use`,
    /^another program has port 4001/,
    /sudo ss -ltnp 'sport = :4001'/,
  ],
  [
    "the host does not have its address",
    `${PROXY}listen tcp4 192.168.1.77:4000: bind: cannot assign requested address`,
    /an address that the host does not have/,
    /litellm-mcp:lan\.address/,
  ],
  [
    "the firewall has lost Docker's rules",
    "driver failed programming external connectivity on endpoint gw-ingress (73bc):  (iptables failed: iptables --wait -t nat -A DOCKER -p tcp -d 192.168.1.10 --dport 4000 -j DNAT --to-destination 172.27.0.4:4000 ! -i br-f76422ace070: iptables: No chain/target/match by that name.\n (exit status 1))",
    /tables of the host's firewall/,
    /systemctl restart docker/,
  ],
  [
    "its network is gone",
    "network 1b6016e1951a23a148fcb08ce358d67b not found",
    /network of it was removed/,
    /npm run up/,
  ],
  [
    "a directory is gone",
    'invalid mount config for type "bind": bind source path does not exist: /srv/files',
    /directory of the host/,
    /mounts/,
  ],
  ["the disk is full", "mkdir /var/lib/docker/overlay2/x: no space left on device", /disk .* is full/, /df -h/],
  [
    "its program is not in its image",
    'OCI runtime create failed: runc create failed: unable to start container process: exec: "nod": executable file not found in $PATH: unknown',
    /not in its image/,
    /server\.yaml/,
  ],
  ["of something that nobody has thought of", "something new", /cannot run on this host/, /docker start gw-x/],
] as const)
  test(`Docker could not start it, because ${what}`, () => {
    const holders: Record<number, string> = { 4000: "nginx (process 812)", 5432: "docker-proxy (process 99)" };
    const known = { log: "Can't reach database server", holderOf: (_address: string, port: number) => holders[port] };
    const found = judge("gw-x", container({ Status: "exited", ExitCode: 128, Error: error }), known);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", fix);
    assert.match(found?.seen ?? "", /could not start it/);
  });

/** What the healthcheck of an adapter prints. */
for (const [reason, means, fix] of [
  ["it cannot be started: spawn uvx ENOENT", /not in its image/, /npm run lock/],
  ["it cannot be started: spawn /opt/x EACCES", /may not be run/, /chmod \+x/],
  ["it ended with exit code 1", /ends as soon as it is started/, /log/],
  ["it was ended by SIGKILL", /memory/, /limits\.memory/],
  ["it cannot be reached: ECONNREFUSED", /nothing listens at its port/, /start the server/],
  ["it cannot be reached: ENOTFOUND", /name of the server's machine/, /source\.url/],
  ["it cannot be reached: EHOSTUNREACH", /off, or a firewall/, /curl/],
  ["it did not answer a ping within 10 s", /runs and does nothing/, /docker logs/],
  ["it answered HTTP 401", /another key or token/, /pulumi config set --secret/],
  ["it answered HTTP 404", /does not speak MCP there/, /source\.url/],
] as const)
  test(`a server is away, because ${reason}`, () => {
    const output = JSON.stringify({ state: "away", since: "2026-11-22T08:59:59Z", reason, tools: 0, restarts: 4 });
    const found = judge("gw-mcp-x", container(health("unhealthy", output)), { log: '{"event":"server away"}' });
    // While its container is new, Docker calls it no worse than starting.
    const starting = judge("gw-mcp-x", container(health("starting", output)), { log: "" });
    assert.ok(starting?.seen.includes(reason), starting?.seen);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", fix);
  });

test("one that ends again and again shows its exit code and the end of its log", () => {
  const found = judge("gw-mcp-x", container({ Status: "restarting", ExitCode: 2 }, 7), {
    log: "usage: x [-h]\nx: error",
  });
  assert.match(
    found?.seen ?? "",
    /is restarting, was started again 7 times, ended with exit code 2\nusage: x \[-h\]\nx: error$/,
  );
  assert.match(found?.means ?? "", /ends again and again/);
});

test("a process that was stopped by a signal is seen while the container is still called healthy", () => {
  const found = judge("gw-litellm", container(health("healthy")), { log: "", isHalted: true });
  assert.match(found?.means ?? "", /SIGSTOP/);
  assert.equal(found?.fix, "docker restart gw-litellm");
});

test("of what docker top shows, processes in the state T are stopped", () => {
  const titles = ["PID", "STAT", "COMMAND"];
  const processes = [
    ["1", "Ss", "/sbin/docker-init -- node"],
    ["2", "Rsl", "node adapter.mjs"],
  ];
  assert.deepEqual(haltedOf(titles, processes), []);
  assert.deepEqual(haltedOf(titles, [...processes, ["3", "Tl", "python3 server.py"]]), ["python3 server.py"]);
});
