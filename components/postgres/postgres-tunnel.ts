import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import net from "node:net";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LOOPBACK, type Settings } from "../../settings/settings.ts";
import { type DockerEndpoint, isSsh } from "../docker/ssh-connection.ts";

/** A port of this machine's loopback that leads to one of the host's loopback. */
export interface Tunnel {
  readonly docker: DockerEndpoint;
  /** On the host. */
  readonly port: number;
  /** On this machine. */
  readonly localPort: number;
}

/** What the tunnel's process is started with. */
export interface TunnelArgs extends Tunnel {
  /** Socket on which further runs ask for the tunnel. */
  readonly control: string;
  /** Process that the tunnel is there for. */
  readonly user: number;
}

/** What one run asks the tunnel's process for. */
export interface TunnelRequest {
  readonly target: string;
  readonly user: number;
}

export type TunnelAnswer =
  | { readonly kind: "open" }
  | { readonly kind: "other target"; readonly target: string }
  | { readonly kind: "port taken" };

/** The message says what to do. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
}

/** What the tunnel leads to, for people and to tell tunnels apart. */
export const targetOf = ({ docker, port }: Tunnel) => `${LOOPBACK}:${port} of ${docker.host}`;

/** Another run's tunnel may just begin or end. */
const OPEN_WITHIN_MS = 5_000;
const TRY_EVERY_MS = 200;

/**
 * Opens the way to a dedicated Postgres on a host over ssh: Pulumi's postgresql provider is a plug-in that takes an address and a
 * port, always the same ones.
 *
 * @param user Process that needs it. The tunnel outlives the program, since the engine deletes what is no longer wanted after
 * the program's end, and ends by itself with the last of its users. The program's parent is Pulumi's language host, which is there as
 * long as the engine has work.
 * @throws TunnelError
 */
export async function openPostgresTunnel(
  { docker, postgres }: Pick<Settings, "docker" | "postgres">,
  user = process.ppid,
): Promise<void> {
  if (postgres.kind === "dedicated" && isSsh(docker))
    await openTunnel({ docker, port: postgres.port, localPort: postgres.localPort }, user);
}

async function openTunnel(tunnel: Tunnel, user: number): Promise<void> {
  // In a directory of this user alone: what answers there is a tunnel of ours, and the port is its, not somebody's who waits for a password.
  const directory = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "litellm-mcp", "tunnels");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const control = path.join(directory, String(tunnel.localPort));
  const request: TunnelRequest = { target: targetOf(tunnel), user };
  const mend = "Free it, or write another port at litellm-mcp:postgres.tunnelPort";
  for (
    const deadline = Date.now() + OPEN_WITHIN_MS;
    ;
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS))
  ) {
    const answer = (await ask(control, request)) ?? (await start({ ...tunnel, control, user }));
    if (answer.kind === "open") return;
    if (answer.kind === "other target")
      throw new TunnelError(
        `port ${tunnel.localPort} on ${LOOPBACK} of this machine, for the tunnel to Postgres, is the tunnel to ${answer.target}. ${mend}`,
      );
    if (Date.now() > deadline)
      throw new TunnelError(
        `port ${tunnel.localPort} on ${LOOPBACK} of this machine, for the tunnel to Postgres at ${request.target}, is taken by another program. ${mend}`,
      );
  }
}

/** What a tunnel's process answers that runs already; undefined when there is none, or it is just ending. */
function ask(control: string, request: TunnelRequest): Promise<TunnelAnswer | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(control);
    socket.on("connect", () => socket.end(JSON.stringify(request)));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(text ? (JSON.parse(text) as TunnelAnswer) : undefined));
  });
}

function start(args: TunnelArgs): Promise<TunnelAnswer> {
  const program = fileURLToPath(new URL("./postgres-tunnel.process.ts", import.meta.url));
  // Among Pulumi's variables are the stack's secrets in plain text.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_")));
  const child = spawn(process.execPath, [program, JSON.stringify(args)], {
    detached: true,
    // Nothing of the program's: Pulumi waits for whoever holds its output.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env,
  });
  return new Promise((resolve, reject) => {
    child.on("message", (answer: TunnelAnswer) => {
      child.disconnect();
      child.unref();
      resolve(answer);
    });
    child.on("error", reject);
    child.on("exit", (code) =>
      reject(
        new TunnelError(`the tunnel to Postgres at ${targetOf(args)} ended with exit code ${code} before it was open`),
      ),
    );
  });
}
