import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { execa } from "execa";
import which from "which";

/** STAND-IN for the sshd of linuxserver.lan. */
export interface TestSshd {
  /** `ssh://user@address:port`, for `litellm-mcp:docker.host`. */
  readonly url: string;
  /** Private key that may log in. */
  readonly identity: string;
  /** File with the sshd's host key. */
  readonly knownHosts: string;
  /** After it was killed: with the same keys, at the same port. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts an sshd with a host key, a client key and settings of its own on an address of this machine, whose
 * Docker is behind it. Resolves when it listens; rejects with its log when it cannot (the port is taken).
 *
 * @param options.path Directories where the login finds its commands; without `docker` in them it is a host without Docker.
 * @param options.within The network namespace in which it listens; this machine's own where there is none.
 * @param options.dockerHost Another Docker daemon than this machine's, for whoever logs in.
 */
export async function startSshd({
  address,
  port,
  path: loginPath = process.env.PATH ?? "",
  within,
  dockerHost,
}: {
  address: string;
  port: number;
  path?: string;
  within?: string;
  dockerHost?: string;
}): Promise<TestSshd> {
  const program = await which("sshd", { path: `${process.env.PATH}:/usr/sbin` });
  const folder = await mkdtemp(path.join(tmpdir(), "lab-sshd-"));
  const file = (name: string) => path.join(folder, name);
  const clear = () => rm(folder, { recursive: true, force: true });
  const { username } = userInfo();
  for (const key of ["host_key", "client_key"])
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  const hostKey = (await readFile(file("host_key.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
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
    // sshd reads one such line and no second.
    `SetEnv PATH=${loginPath}${dockerHost === undefined ? "" : ` DOCKER_HOST=${dockerHost}`}`,
  ];
  await writeFile(file("config"), `${config.join("\n")}\n`);
  // sshd needs it when it runs as root; Debian's service would make it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
  const [command, ...args] = [
    ...(within === undefined ? [] : ["nsenter", `--net=/run/netns/${within}`]),
    ...[program, "-D", "-e", "-f", file("config")],
  ] as const;
  const listen = () => listening(command, args, `sshd on ${address}:${port}`);
  let daemon = await listen().catch(async (error: Error) => {
    await clear();
    throw error;
  });
  return {
    url: `ssh://${username}@${address}:${port}`,
    identity: file("client_key"),
    knownHosts: file("known_hosts"),
    restart: async () => {
      daemon = await listen();
    },
    stop: async () => {
      if (daemon.kill()) await once(daemon, "exit");
      await clear();
    },
  };
}

/** Starts an sshd and waits until it listens. */
async function listening(command: string, args: readonly string[], what: string): Promise<ChildProcess> {
  const daemon = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    let log = "";
    daemon.stderr.on("data", (chunk: Buffer) => {
      log += String(chunk);
      // Its own words, because a port that takes connections may be another program's, which had it before.
      if (log.includes("Server listening on")) resolve();
    });
    daemon.on("error", reject);
    daemon.on("close", (code) => reject(new Error(`${what} ended with exit code ${code}: ${log.trim()}`)));
  });
  return daemon;
}
