import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { freePort } from "../../tests/free-port.ts";
import { testSettings } from "../../tests/settings.ts";
import { openContainerTunnel, openPostgresTunnel } from "./postgres-tunnel.ts";

/** A program on a port of loopback; without a port, on one that is free. */
async function listening(t: TestContext, port = 0): Promise<number> {
  const server = net.createServer((socket) => socket.end("another program")).listen(port, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** Stands for the engine that a tunnel is there for. */
function engine(t: TestContext): ChildProcess & { pid: number } {
  const child = spawn("sleep", ["60"]) as ChildProcess & { pid: number };
  t.after(() => child.kill());
  return child;
}

const settings = (tunnelPort: number, host = "ssh://me@server") =>
  testSettings({ docker: { host }, postgres: { kind: "dedicated", port: 5432, tunnelPort } });

/** What comes out of the port for what goes in; undefined when nobody listens. */
/** Sends a text, and ends when the answer is all there, which is the text itself where nothing else is said. */
function through(port: number, text: string, whole = text): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += String(chunk);
      if (answer === whole) socket.end();
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(answer));
  });
}

async function ends(port: number): Promise<void> {
  for (
    const deadline = Date.now() + 10_000;
    (await through(port, "?")) !== undefined;
    await new Promise((resolve) => setTimeout(resolve, 200))
  )
    assert.ok(Date.now() < deadline, "the tunnel is still there");
}

/** A home for control sockets, and an ssh that gives back what it is given. */
async function prepared(t: TestContext, ssh = "exec cat"): Promise<string> {
  const before = process.env.XDG_CACHE_HOME;
  const cache = await mkdtemp(path.join(tmpdir(), "tunnel-"));
  process.env.XDG_CACHE_HOME = cache;
  t.after(async () => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    await rm(cache, { recursive: true });
  });
  await replaceSsh(t, ssh);
  return path.join(cache, "litellm-mcp", "tunnels");
}

test("a tunnel is there as long as one of the runs that asked for it, and leaves nothing behind", async (t) => {
  const sockets = await prepared(t);
  const port = await freePort();
  const [preview, up] = [engine(t), engine(t)];
  await openPostgresTunnel(settings(port), preview.pid);
  assert.equal(await through(port, "SELECT 1"), "SELECT 1");
  await openPostgresTunnel(settings(port), up.pid);
  preview.kill();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(await through(port, "SELECT 2"), "SELECT 2");
  up.kill();
  await ends(port);
  assert.deepEqual(await readdir(sockets), []);
});

test("runs that begin at once share a tunnel", async (t) => {
  await prepared(t);
  const port = await freePort();
  const engines = [engine(t), engine(t), engine(t)];
  await Promise.all(engines.map(({ pid }) => openPostgresTunnel(settings(port), pid)));
  engines[0]?.kill();
  engines[1]?.kill();
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal(await through(port, "SELECT 1"), "SELECT 1");
  engines[2]?.kill();
  await ends(port);
});

test("a port that another program has is refused with the setting", async (t) => {
  await prepared(t);
  const port = await listening(t);
  await assert.rejects(
    openPostgresTunnel(settings(port), engine(t).pid),
    new RegExp(
      `TunnelError: port ${port} on 127\\.0\\.0\\.1 of this machine, .* Postgres at 127\\.0\\.0\\.1:5432 of ssh://me@server, is taken by another program.*litellm-mcp:postgres\\.tunnelPort`,
    ),
  );
});

test("another stack's tunnel is not taken for one's own", async (t) => {
  await prepared(t);
  const port = await freePort();
  const other = engine(t);
  await openPostgresTunnel(settings(port), other.pid);
  await assert.rejects(
    openPostgresTunnel(settings(port, "ssh://me@elsewhere"), engine(t).pid),
    /is the tunnel to 127\.0\.0\.1:5432 of ssh:\/\/me@server\. .*tunnelPort/,
  );
  other.kill();
  await ends(port);
});

test("a tunnel that was killed is opened again", async (t) => {
  const sockets = await prepared(t);
  const port = await freePort();
  await mkdir(sockets, { recursive: true });
  // What a killed process leaves: its socket, with nobody behind it.
  const killed = `require("net").createServer().listen(${JSON.stringify(path.join(sockets, String(port)))}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", killed]), "exit");
  assert.deepEqual(await readdir(sockets), [String(port)]);
  const up = engine(t);
  await openPostgresTunnel(settings(port), up.pid);
  assert.equal(await through(port, "SELECT 1"), "SELECT 1");
  up.kill();
  await ends(port);
});

test("why there is no way to Postgres reaches the provider as Postgres's own error", async (t) => {
  await prepared(t, "echo 'me@server: Permission denied (publickey).' >&2; exit 255");
  const port = await freePort();
  const up = engine(t);
  await openPostgresTunnel(settings(port), up.pid);
  const answer = await through(port, "startup");
  assert.match(
    answer ?? "",
    /^E\0\0\0.SFATAL\0C08001\0Mno way to Postgres at 127\.0\.0\.1:5432 of ssh:\/\/me@server: me@server: Permission denied \(publickey\)\.\0\0$/s,
  );
  up.kill();
  await ends(port);
});

test("a connection that Postgres ends ends for whoever has it, though he says nothing more", async (t) => {
  await prepared(t, "head -c 7 && printf ' refused'");
  const port = await freePort();
  const up = engine(t);
  await openPostgresTunnel(settings(port), up.pid);
  assert.equal(await through(port, "startup", "startup refused, and no more"), "startup refused");
  up.kill();
  await ends(port);
});

test("a stack on this machine, and one with a Postgres of its own, need none", async (t) => {
  const sockets = await prepared(t);
  await openPostgresTunnel(testSettings());
  await openPostgresTunnel(
    testSettings({ docker: { host: "ssh://me@server" }, postgres: { kind: "existing", host: "192.168.1.11" } }, [
      "postgresAdminPassword",
    ]),
  );
  await assert.rejects(readdir(sockets), /ENOENT/);
});

/** Something that says who it is, in the place of a container. */
async function container(t: TestContext, name: string, address: string, port = 0): Promise<number> {
  const server = net.createServer((socket) => socket.end(name)).listen(port, address);
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}
const LOCAL = { host: "unix:///var/run/docker.sock", sshOpts: [] };

test("a container is reached without ssh where the daemon is here, also when its address has changed", async (t) => {
  const sockets = await prepared(t, "exit 1");
  const localPort = await freePort();
  const port = await container(t, "first", "127.0.0.2");
  await container(t, "second", "127.0.0.3", port);
  const postgres = { host: "pg", port, network: { name: "net", localPort } };
  const [preview, up] = [engine(t), engine(t)];
  await openContainerTunnel(LOCAL, postgres, "127.0.0.2", preview.pid);
  assert.equal(await through(localPort, "?"), "first");
  await openContainerTunnel(LOCAL, postgres, "127.0.0.3", up.pid);
  assert.equal(await through(localPort, "?"), "second");
  preview.kill();
  up.kill();
  await ends(localPort);
  assert.deepEqual(await readdir(sockets), []);
});

test("over ssh, a container is reached by its address on the host", async (t) => {
  // Says what it was told to connect to.
  await prepared(t, 'while [ $# -gt 1 ]; do [ "$1" = -W ] && printf %s "$2"; shift; done');
  const localPort = await freePort();
  const up = engine(t);
  const postgres = { host: "pg", port: 5432, network: { name: "net", localPort } };
  await openContainerTunnel({ host: "ssh://me@server", sshOpts: [] }, postgres, "172.18.0.2", up.pid);
  assert.equal(await through(localPort, "?"), "172.18.0.2:5432");
  up.kill();
  await ends(localPort);
});

test("nobody at the container's port reaches the provider as Postgres's own error", async (t) => {
  await prepared(t);
  const localPort = await freePort();
  const up = engine(t);
  const postgres = { host: "pg", port: await freePort(), network: { name: "net", localPort } };
  await openContainerTunnel(LOCAL, postgres, "127.0.0.1", up.pid);
  assert.match(
    (await through(localPort, "startup")) ?? "",
    new RegExp(
      `no way to Postgres at pg:${postgres.port} on network net of unix:///var/run/docker\\.sock: connect ECONNREFUSED`,
    ),
  );
  up.kill();
  await ends(localPort);
});
