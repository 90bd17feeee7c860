import { rmSync } from "node:fs";
import net from "node:net";
import type { Duplex } from "node:stream";
import { LOOPBACK } from "../../settings/settings.ts";
import type { TunnelAnswer, TunnelArgs, TunnelRequest } from "./postgres-tunnel.ts";
import { isSsh, SshConnection } from "../docker/ssh-connection.ts";

// The process of a tunnel, one for each port; `openPostgresTunnel` starts it. Each connection has an ssh of its own, so
// none is held open while nobody needs it, and one that breaks takes no other with it.
const args = JSON.parse(process.argv[2] ?? "") as TunnelArgs;
const { target, port } = args;
let { address } = args;
const LOOK_EVERY_MS = 1_000;
/** More than a host on the LAN takes; a network that drops packets would keep the provider waiting for minutes. */
const CONNECT_TIMEOUT_MS = 10_000;

const users = new Set([args.user]);
const answerStarter = (answer: TunnelAnswer) => process.send?.(answer);

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** An error in Postgres's own form, which the provider shows. Without it the provider would say no more than "EOF". */
function postgresError(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C08001\0M${message}\0\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

function connect(): Duplex {
  if (isSsh(args.docker)) return new SshConnection(args.docker, { address, port });
  const socket = net.connect({ host: address, port, timeout: CONNECT_TIMEOUT_MS });
  return socket
    .on("connect", () => socket.setTimeout(0))
    .on("timeout", () => socket.destroy(new Error(`${address}:${port} does not answer`)));
}

const listener = net.createServer((client) => {
  const host = connect();
  let answered = false;
  host.once("data", () => (answered = true));
  host.on("error", ({ message }) =>
    answered ? client.destroy() : client.end(postgresError(`no way to Postgres at ${target}: ${message}`)),
  );
  // After a wrong password, Postgres ends and a client may wait for that: `close` comes only when both have ended.
  host.on("end", () => client.end());
  host.on("close", () => client.end());
  client.on("error", () => host.destroy());
  client.on("close", () => host.destroy());
  client.pipe(host);
  host.pipe(client, { end: false });
});

const control = net.createServer({ allowHalfOpen: true }, (asking) => {
  let text = "";
  asking.on("data", (chunk) => (text += String(chunk)));
  asking.on("error", () => {});
  asking.on("end", () => {
    const request = JSON.parse(text) as TunnelRequest;
    if (request.target === target) {
      users.add(request.user);
      address = request.address;
    }
    asking.end(JSON.stringify(request.target === target ? { kind: "open" } : { kind: "other target", target }));
  });
});

listener.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EADDRINUSE") throw error;
  answerStarter({ kind: "port taken" });
});
listener.listen(args.localPort, LOOPBACK, () => {
  // This process has the port, so no other tunnel runs: a socket that is still there was left by one that was killed.
  rmSync(args.control, { force: true });
  control.listen(args.control, () => answerStarter({ kind: "open" }));
  setInterval(() => {
    for (const user of users) if (!isAlive(user)) users.delete(user);
    if (users.size) return;
    // Nothing comes between these two: a run that asks now gets no answer, and starts another tunnel.
    rmSync(args.control, { force: true });
    process.exit();
  }, LOOK_EVERY_MS);
});
