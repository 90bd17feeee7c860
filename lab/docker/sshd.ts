import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { which } from "../kit.ts";

/** An sshd of our own that plays linuxserver.lan. */
export interface TestSshd {
  /** `ssh://user@address:port`, for `litellm-mcp:docker.host`. */
  readonly url: string;
  /** Private key that may log in. */
  readonly identity: string;
  /** File with the server's host key. */
  readonly knownHosts: string;
  readonly stop: () => Promise<void>;
}

/**
 * Starts an sshd with a host key, a client key and settings of its own on an address of this machine; Docker is what is
 * behind it. Resolves when it accepts connections.
 *
 * @param options.path Directories where the login finds its commands; without `docker` in them it is a server without Docker.
 */
export async function startSshd({ address, port, path: loginPath = process.env.PATH ?? "" }: { address: string; port: number; path?: string }): Promise<TestSshd> {
  const program = (await which("sshd")) ?? "/usr/sbin/sshd";
  const folder = await mkdtemp(path.join(tmpdir(), "lab-sshd-"));
  const file = (name: string) => path.join(folder, name);
  const { username } = userInfo();
  for (const key of ["host_key", "client_key"]) await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  const hostKey = (await execa("cat", [file("host_key.pub")])).stdout.split(" ").slice(0, 2).join(" ");
  await writeFile(file("known_hosts"), `[${address}]:${port} ${hostKey}\n`);
  const config = [
    `ListenAddress ${address}:${port}`,
    `HostKey ${file("host_key")}`,
    `AuthorizedKeysFile ${file("client_key.pub")}`,
    `PidFile ${file("pid")}`,
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    // The key lies in a folder below /tmp, which others may write to.
    "StrictModes no",
    `AllowUsers ${username}`,
    `SetEnv PATH=${loginPath}`,
  ];
  await writeFile(file("config"), `${config.join("\n")}\n`);
  await mkdir("/run/sshd", { recursive: true });
  const daemon = spawn(program, ["-D", "-e", "-f", file("config")], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  daemon.stderr.on("data", (chunk) => (log += chunk));
  const ended = new Promise<void>((resolve) => daemon.on("exit", () => resolve()));
  while (!(await accepts(address, port))) {
    if (daemon.exitCode !== null) throw new Error(`sshd ended with exit code ${daemon.exitCode}: ${log.trim()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url: `ssh://${username}@${address}:${port}`,
    identity: file("client_key"),
    knownHosts: file("known_hosts"),
    stop: async () => {
      daemon.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const accepts = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect({ host, port });
    socket.on("connect", () => (socket.destroy(), resolve(true))).on("error", () => resolve(false));
  });
