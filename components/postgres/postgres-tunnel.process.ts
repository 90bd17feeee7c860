import { rmSync } from "node:fs";
import net from "node:net";
import { LOOPBACK } from "../../settings/settings.ts";
import { targetOf, type TunnelAnswer, type TunnelArgs, type TunnelRequest } from "./postgres-tunnel.ts";
import { SshConnection } from "../docker/ssh-connection.ts";

// The process of a tunnel, one for each port; `openPostgresTunnel` starts it. Each connection has an ssh of its own, so
// none is held open while nobody needs it, and one that breaks takes no other with it.
const args = JSON.parse(process.argv[2] ?? "") as TunnelArgs;
const target = targetOf(args);
const LOOK_EVERY_MS = 1_000;

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

const listener = net.createServer((client) => {
  const host = new SshConnection(args.docker, { port: args.port });
  let answered = false;
  host.once("data", () => (answered = true));
  host.on("error", ({ message }) =>
    answered ? client.destroy() : client.end(postgresError(`no way to Postgres at ${target}: ${message}`)),
  );
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
    if (request.target === target) users.add(request.user);
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
