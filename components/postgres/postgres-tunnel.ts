import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import net from "node:net";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type ExistingPostgres, LOOPBACK, type Settings } from "../../settings/settings.ts";
import { type DockerEndpoint, isSsh } from "../docker/ssh-connection.ts";

/** A port of this machine's loopback that leads to one that the host reaches. */
export interface Tunnel {
  readonly docker: DockerEndpoint;
  /** What it leads to, for people and to tell tunnels apart. */
  readonly target: string;
  /** As the host reaches it. A container's is another one after it was started again, and the tunnel then follows. */
  readonly address: string;
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
  readonly address: string;
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

/** Another run's tunnel may be starting or ending at this moment. */
const OPEN_WITHIN_MS = 5_000;
const TRY_EVERY_MS = 200;

/**
 * Opens the way to a dedicated Postgres on a host over ssh: Pulumi's postgresql provider takes an address and a port,
 * which must be the same in every run.
 *
 * @param user Process that needs the tunnel, which ends by itself after the last of them. It must outlive the program,
 * because the engine deletes what is no longer wanted after the program's end. So by default it is the program's
 * parent, Pulumi's language host, which is there as long as the engine works.
 * @throws TunnelError
 */
export async function openPostgresTunnel(
  { docker, postgres }: Pick<Settings, "docker" | "postgres">,
  user = process.ppid,
): Promise<void> {
  if (postgres.kind !== "dedicated" || !isSsh(docker)) return;
  const { port, localPort } = postgres;
  const target = `${LOOPBACK}:${port} of ${docker.host}`;
  await openTunnel({ docker, target, address: LOOPBACK, port, localPort }, user);
}

/**
 * Opens the way to an existing Postgres that is a container on a network of the host. With a local daemon, too: the
 * container's address is another one after each start, and the provider's must not be.
 *
 * @param address The container's on that network.
 * @param user As of `openPostgresTunnel`.
 * @throws TunnelError
 */
export async function openContainerTunnel(
  docker: DockerEndpoint,
  { host, port, network }: Pick<ExistingPostgres, "host" | "port"> & { network: { name: string; localPort: number } },
  address: string,
  user = process.ppid,
): Promise<void> {
  const target = `${host}:${port} on network ${network.name} of ${docker.host}`;
  await openTunnel({ docker, target, address, port, localPort: network.localPort }, user);
}

async function openTunnel(tunnel: Tunnel, user: number): Promise<void> {
  // Only this user can write there: what answers is a tunnel of this program. Another program on the port might be
  // waiting for a password.
  const directory = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "litellm-mcp", "tunnels");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const control = path.join(directory, String(tunnel.localPort));
  const request: TunnelRequest = { target: tunnel.target, address: tunnel.address, user };
  const port = `port ${tunnel.localPort} on ${LOOPBACK} of this machine, for the tunnel to Postgres`;
  const advice = "Free it, or write another port at litellm-mcp:postgres.tunnelPort";
  for (
    const deadline = Date.now() + OPEN_WITHIN_MS;
    ;
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS))
  ) {
    const answer = (await ask(control, request)) ?? (await start({ ...tunnel, control, user }));
    if (answer.kind === "open") return;
    if (answer.kind === "other target") throw new TunnelError(`${port}, is the tunnel to ${answer.target}. ${advice}`);
    if (Date.now() > deadline)
      throw new TunnelError(`${port} at ${request.target}, is taken by another program. ${advice}`);
  }
}

/** What a tunnel that runs already answers; undefined when there is none, or it is about to end. */
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
    // It inherits none of the program's outputs: Pulumi waits until nobody has them any more.
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
        new TunnelError(`the tunnel to Postgres at ${args.target} ended with exit code ${code} before it was open`),
      ),
    );
  });
}
