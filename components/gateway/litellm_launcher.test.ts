import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("litellm_launcher.py", import.meta.url));

/**
 * Stands for LiteLLM: tells the ingress what happens to it, answers liveness after a while, and has a process of its
 * own, as LiteLLM has.
 */
const CHILD = `
import http.server, json, os, signal, subprocess, sys, threading, time, urllib.request
events, port, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
mode = sys.argv[4]
def tell(event):
    urllib.request.urlopen(urllib.request.Request(events, json.dumps({"event": event}).encode(), method="POST")).read()
other = subprocess.Popen(["sleep", "60"])
with open(f"{directory}/processes", "a") as file:
    file.write(f"{os.getpid()} {other.pid}\\n")
def ended(*_):
    if mode != "stuck":
        # Not from within the handler: the server may be at a request.
        threading.Thread(target=lambda: (tell("child ended"), os._exit(0))).start()
signal.signal(signal.SIGTERM, ended)
tell("child started")
class Alive(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if mode.startswith("exit"):
            threading.Thread(target=lambda: (time.sleep(0.3), os._exit(int(mode[4:])))).start()
        if mode == "killed":
            threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), 9))).start()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", port), Alive).serve_forever()
`;
import { freePort } from "../../tests/free-port.ts";

interface Line {
  readonly source: string;
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** What the ingress answers to a hold; undefined: nothing. */
type OnHold = (body: {
  reason: string;
  force: boolean;
}) => { status: number; running: number; quietSeconds?: number } | undefined;

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

interface Setup {
  readonly options?: readonly string[];
  readonly mode?: string;
  readonly onHold?: OnHold;
  /** No ingress until `startIngress`. */
  readonly late?: boolean;
}

async function launch(
  context: TestContext,
  { options = [], mode = "well", onHold = () => ({ status: 200, running: 0 }), late = false }: Setup,
) {
  const directory = await mkdtemp(path.join(tmpdir(), "launcher-"));
  await mkdir(path.join(directory, "memory"));
  /** What happened, in order: to the child, and what the ingress was asked. */
  const events: string[] = [];
  const times: number[] = [];
  const handler = (url: string | undefined, body: string): ReturnType<OnHold> => {
    times.push(Date.now());
    if (url === "/child")
      return (events.push((JSON.parse(body) as { event: string }).event), { status: 200, running: 0 });
    if (url === "/litellm/release") return (events.push(`release ${body}`), { status: 200, running: 0 });
    const hold = JSON.parse(body) as { reason: string; force: boolean };
    events.push(`hold ${hold.reason}${hold.force ? " by force" : ""}`);
    return onHold(hold);
  };
  const newServer = () =>
    createServer((request, response) => {
      let body = "";
      request
        .on("data", (part: Buffer) => (body += part.toString()))
        .on("end", () => {
          const answer = handler(request.url, body);
          const { status, ...said } = answer ?? {};
          if (status) response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(said));
        });
    });
  // The child's own: it speaks even when there is no ingress.
  const childServer = newServer();
  const childEvents = `http://127.0.0.1:${await listen(childServer, 0)}/child`;
  const ingress = newServer();
  const ingressPort = late ? await freePort() : await listen(ingress, 0);
  const port = await freePort();
  const memory = async (share: number) => {
    // 10 MiB of file pages, which do not count.
    await writeFile(path.join(directory, "memory.stat"), `anon 1\ninactive_file ${10 * 1024 * 1024}\nactive_file 7\n`);
    await writeFile(path.join(directory, "memory.current"), `${(10 + 1000 * share) * 1024 * 1024}\n`);
  };
  await writeFile(path.join(directory, "memory.max"), `${1000 * 1024 * 1024}\n`);
  await memory(0.1);
  const pidFile = path.join(directory, "pid");
  const launcher = spawn(
    "python3",
    [
      ...[
        script,
        "--ingress",
        `http://127.0.0.1:${ingressPort}`,
        "--alive-url",
        `http://127.0.0.1:${port}/health/liveliness`,
      ],
      ...[
        "--cgroup",
        directory,
        "--pid-file",
        pidFile,
        "--check-seconds",
        "0.1",
        "--retry-seconds",
        "0.1",
        "--hold-seconds",
        "2",
        "--stop-seconds",
        "1",
      ],
      ...options,
      ...["--", "python3", "-c", CHILD, childEvents, String(port), directory, mode],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: Line[] = [];
  let printed = "";
  launcher.stdout.on("data", (part: Buffer) => {
    printed += part.toString();
    const whole = printed.split("\n");
    printed = whole.pop()!;
    lines.push(...whole.map((line) => JSON.parse(line) as Line));
  });
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    launcher.on("close", (code, signal) => resolve(code ?? signal)),
  );
  /** Process numbers of the children and what they started, start after start. */
  const processes = async () =>
    (await readFile(path.join(directory, "processes"), "utf8").catch(() => ""))
      .trim()
      .split("\n")
      .map((line) => line.split(" ").map(Number));
  context.after(async () => {
    launcher.kill("SIGKILL");
    // The child leads a group of its own. It has the launcher's output open, which is why this comes before the end of
    // that.
    for (const pid of await startedWith(directory)) process.kill(-pid, "SIGKILL");
    await exited;
    for (const server of [childServer, ingress]) {
      server.closeAllConnections();
      server.close();
    }
    await rm(directory, { recursive: true, force: true });
  });
  const count = (event: string) => events.filter((one) => one === event).length;
  return {
    launcher,
    events,
    lines,
    exited,
    memory,
    processes,
    count,
    directory,
    /** Milliseconds from the last hold to the SIGTERM of the child that came after it. */
    fromHoldToEnd: () => {
      const end = events.indexOf("child ended");
      return (
        times[end]! -
        times[
          events
            .slice(0, end)
            .map((event) => event.startsWith("hold"))
            .lastIndexOf(true)
        ]!
      );
    },
    pid: () => readFile(pidFile, "utf8").catch(() => undefined),
    startIngress: () => listen(ingress, ingressPort),
    logged: (event: string) => lines.filter((line) => line.event === event),
    /** Times out with what happened instead. */
    until: async (what: string, holds: () => boolean | Promise<boolean>) => {
      for (const end = Date.now() + 8000; !(await holds()); await sleep(20))
        if (Date.now() > end)
          assert.fail(`${what} did not happen; events: ${JSON.stringify(events)}; log: ${JSON.stringify(lines)}`);
    },
  };
}

/** Process numbers of the children of one test, whose arguments have its directory. */
async function startedWith(directory: string): Promise<number[]> {
  const found = (await readdir("/proc"))
    .filter((name) => /^\d+$/.test(name))
    .map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return words[1] === "-c" && words.includes(directory) && (await isRunning(Number(pid))) ? [Number(pid)] : [];
    });
  return (await Promise.all(found)).flat();
}

/** Not so for one that has ended and waits for whoever adopted it. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !/^\) [ZX]/.test(stat.slice(stat.lastIndexOf(")")));
}

const RELEASE = "release {}";

// They mostly wait.
suite("litellm_launcher.py", { concurrency: 6 }, () => {
  test("requests are released when LiteLLM answers, once, and the log says how long it took", async (context) => {
    const { events, until, logged, count, pid, processes } = await launch(context, {});
    await until("a release", () => count(RELEASE) === 1);
    await sleep(400);
    assert.deepEqual(events, ["child started", RELEASE]);
    const [alive] = logged("alive");
    assert.deepEqual(
      { ...alive, time: "", seconds: 0 },
      { time: "", source: "launcher", event: "alive", seconds: 0, mib: 100, limit_mib: 1000 },
    );
    assert.ok(typeof alive!.seconds === "number" && alive!.seconds < 8);
    assert.match(String(alive!.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
    assert.equal(await pid(), String((await processes())[0]![0]));
  });

  test("an ingress that comes later is told when it is there", async (context) => {
    const { until, logged, count, startIngress, lines } = await launch(context, { late: true });
    await until("a line about the missing ingress", () => logged("no ingress").length === 1);
    await sleep(400);
    assert.equal(count(RELEASE), 0);
    await startIngress();
    await until("a release", () => count(RELEASE) === 1);
    assert.deepEqual(
      lines.map(({ event }) => event),
      ["start", "alive", "no ingress"],
    );
  });

  test("much memory: asks for a quiet moment until there is one, then restarts in place", async (context) => {
    let refusals = 0;
    const { launcher, events, until, logged, count, memory, processes, pid, fromHoldToEnd } = await launch(context, {
      options: ["--settle-seconds", "0.5"],
      onHold: () => (refusals < 3 ? ((refusals += 1), { status: 409, running: 2 }) : { status: 200, running: 0 }),
    });
    await until("a release", () => count(RELEASE) === 1);
    await memory(0.7);
    await until("an accepted hold", () => count("hold memory") === 4);
    await memory(0.1);
    await until("a second start", () => logged("alive").length === 2);
    await until("its release", () => events.at(-1) === RELEASE);
    assert.deepEqual(
      events.filter((event, index) => event !== RELEASE || index === events.length - 1),
      ["child started", ...Array<string>(4).fill("hold memory"), "child ended", "child started", RELEASE],
    );
    const [first, second] = await processes();
    assert.equal(launcher.exitCode, null);
    assert.equal(await pid(), String(second![0]));
    for (const gone of first!) assert.equal(await isRunning(gone), false);
    assert.equal(logged("hold refused").length, 1);
    assert.equal(logged("memory restart").length, 1);
    const { mib, limit_mib, forced, held } = logged("memory restart")[0]!;
    assert.deepEqual({ mib, limit_mib, forced, held }, { mib: 700, limit_mib: 1000, forced: false, held: true });
    // What LiteLLM has not written yet is written while nothing runs.
    assert.ok(fromHoldToEnd() >= 500, `${fromHoldToEnd()} ms`);
    assert.ok(Number(logged("alive")[1]!.seconds_away) >= 0.5);
  });

  test("a quiet moment that requests outlast is given up", async (context) => {
    const { events, until, count, memory, processes } = await launch(context, {
      onHold: () => ({ status: 200, running: 1 }),
    });
    await until("a release", () => count(RELEASE) === 1);
    await memory(0.7);
    await until("two holds", () => count("hold memory") >= 2);
    assert.deepEqual(events.slice(0, 5), ["child started", RELEASE, "hold memory", RELEASE, "hold memory"]);
    assert.equal((await processes()).length, 1);
  });

  test("almost no memory left: holds by force, and restarts though a request runs", async (context) => {
    const { events, until, logged, count, memory } = await launch(context, {
      onHold: ({ force }) => ({ status: force ? 200 : 409, running: 1 }),
    });
    await until("a release", () => count(RELEASE) === 1);
    await memory(0.85);
    await until("a forced restart", () => logged("alive").length === 2);
    assert.deepEqual(events.slice(0, 5), [
      "child started",
      RELEASE,
      "hold memory by force",
      "child ended",
      "child started",
    ]);
  });

  test("without an ingress much memory changes nothing, and almost none left restarts at once", async (context) => {
    const { events, until, logged, memory } = await launch(context, { late: true, options: ["--settle-seconds", "5"] });
    await until("a start", () => logged("alive").length === 1);
    await memory(0.7);
    await sleep(500);
    assert.equal(logged("start").length, 1);
    await memory(0.9);
    await until("a restart", () => logged("alive").length === 2);
    assert.deepEqual(events, ["child started", "child ended", "child started"]);
    assert.equal(logged("memory restart")[0]!.held, false);
    assert.ok(Number(logged("alive")[1]!.seconds_away) < 5);
  });

  test("a restart that does not help is no loop, and is said once", async (context) => {
    const { until, logged, memory, count } = await launch(context, {});
    await until("a release", () => count(RELEASE) === 1);
    await memory(0.9);
    await until("a restart", () => logged("alive").length === 2);
    await until("the complaint", () => logged("memory limit too small").length === 1);
    await sleep(500);
    assert.equal(logged("start").length, 2);
    assert.equal(logged("memory limit too small").length, 1);
  });

  test("a LiteLLM that is large when it is new is not restarted for that, until the end is near", async (context) => {
    const { until, logged, memory } = await launch(context, { options: ["--least-seconds", "0"], mode: "well" });
    await memory(0.7);
    await until("a start", () => logged("alive").length === 1);
    await until("the complaint", () => logged("memory limit too small").length === 1);
    assert.equal(logged("start").length, 1);
    await memory(0.8);
    await until("a restart", () => logged("start").length >= 2);
  });

  test("cgroup v1 is read too", async (context) => {
    const { directory, until, logged, memory, count } = await launch(context, {});
    await until("a release", () => count(RELEASE) === 1);
    const file = (name: string, value: string) => writeFile(path.join(directory, "memory", name), value);
    await file("memory.limit_in_bytes", "1048576000\n");
    await file("memory.stat", "inactive_file 1\ntotal_inactive_file 104857600\n");
    await file("memory.usage_in_bytes", "1048576000\n");
    await rm(path.join(directory, "memory.current"));
    await until("a restart", () => logged("memory restart").length === 1);
    assert.equal(logged("memory restart")[0]!.mib, 900);
    await memory(0.1);
  });

  test("without a memory limit nothing is restarted", async (context) => {
    const { directory, until, logged, memory, count } = await launch(context, {});
    await until("a release", () => count(RELEASE) === 1);
    await writeFile(path.join(directory, "memory.max"), "max\n");
    await memory(0.95);
    await sleep(500);
    assert.equal(logged("memory restart").length, 0);
  });

  test("SIGTERM: requests are held, spend rows get their time, then LiteLLM is ended; exit code 0", async (context) => {
    const { launcher, events, until, count, exited, processes, logged, pid, fromHoldToEnd } = await launch(context, {
      options: ["--settle-seconds", "0.5"],
    });
    await until("a release", () => count(RELEASE) === 1);
    launcher.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.ok(fromHoldToEnd() >= 500, `${fromHoldToEnd()} ms`);
    assert.deepEqual(events, ["child started", RELEASE, "hold stopping by force", "child ended"]);
    for (const gone of (await processes()).flat()) assert.equal(await isRunning(gone), false);
    assert.equal(logged("stopped")[0]!.killed, false);
    assert.equal(await pid(), undefined);
  });

  test("SIGTERM after a quiet time: what is written long since is not waited for", async (context) => {
    const { launcher, until, count, exited, fromHoldToEnd } = await launch(context, {
      options: ["--settle-seconds", "20"],
      onHold: () => ({ status: 200, running: 0, quietSeconds: 3_600 }),
    });
    await until("a release", () => count(RELEASE) === 1);
    launcher.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.ok(fromHoldToEnd() < 10_000, `${fromHoldToEnd()} ms`);
  });

  test("SIGTERM without an ingress ends LiteLLM straight away", async (context) => {
    const { launcher, events, until, logged, exited } = await launch(context, {
      late: true,
      options: ["--settle-seconds", "5"],
    });
    await until("a start", () => logged("alive").length === 1);
    const began = Date.now();
    launcher.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.ok(Date.now() - began < 3000);
    assert.deepEqual(events, ["child started", "child ended"]);
  });

  test("SIGTERM with an ingress that does not answer waits for it so long and no longer", async (context) => {
    const { launcher, events, until, count, exited } = await launch(context, {
      options: ["--hold-seconds", "0.5", "--settle-seconds", "5"],
      onHold: () => undefined,
    });
    await until("a release", () => count(RELEASE) === 1);
    const began = Date.now();
    launcher.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.ok(Date.now() - began >= 500 && Date.now() - began < 4000);
    assert.equal(events.at(-1), "child ended");
  });

  test("a second SIGTERM ends everything at once", async (context) => {
    const { launcher, events, until, count, exited, processes } = await launch(context, {
      onHold: () => undefined,
      options: ["--hold-seconds", "30"],
    });
    await until("a release", () => count(RELEASE) === 1);
    launcher.kill("SIGTERM");
    await until("a hold", () => count("hold stopping by force") === 1);
    launcher.kill("SIGTERM");
    assert.equal(await exited, 143);
    assert.ok(!events.includes("child ended"));
    for (const gone of (await processes()).flat()) assert.equal(await isRunning(gone), false);
  });

  test("a LiteLLM that ignores SIGTERM is killed", async (context) => {
    const { launcher, until, count, exited, processes, logged } = await launch(context, { mode: "stuck" });
    await until("a release", () => count(RELEASE) === 1);
    const began = Date.now();
    launcher.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.ok(Date.now() - began >= 1000 && Date.now() - began < 8000);
    for (const gone of (await processes()).flat()) assert.equal(await isRunning(gone), false);
    const { code, killed } = logged("stopped")[0]!;
    assert.deepEqual({ code, killed }, { code: 137, killed: true });
  });

  for (const [mode, code] of [
    ["exit3", 3],
    ["exit0", 0],
    ["killed", 137],
  ] as const)
    test(`a LiteLLM that ends by itself (${mode}) ends the container with its code, and nothing of it is left`, async (context) => {
      const { events, exited, processes, pid } = await launch(context, { mode });
      assert.equal(await exited, code);
      assert.ok(!events.some((event) => event.startsWith("hold")));
      const [all] = await processes();
      assert.equal(all!.length, 2);
      for (const gone of all!) assert.equal(await isRunning(gone), false);
      assert.equal(await pid(), undefined);
    });
});
