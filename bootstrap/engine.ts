import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import which from "which";
import { cacheDir, step } from "./steps.ts";
import { type Ask, asRoot, installPackages } from "./system-packages.ts";

const STARTS_WITHIN_MS = 60_000;
const PID_FILE = "/var/run/docker.pid";

/** @throws Error when a daemon is there and this user may not use it. */
async function answers(): Promise<boolean> {
  const { exitCode, stderr } = await execa("docker", ["version", "--format", "{{.Server.Version}}"], { reject: false });
  if (/permission denied/i.test(stderr ?? ""))
    throw new Error("this user may not use Docker: sudo usermod -aG docker $USER, log in again, run the command again");
  return exitCode === 0;
}

/**
 * Makes sure that a Docker daemon answers (`DOCKER_HOST` or the default socket): one that runs is used, an installed one is
 * started, otherwise Debian's docker.io is installed.
 */
export async function prepareEngine(ask: Ask): Promise<void> {
  if ((await which("docker", { nothrow: true })) && (await answers())) return;
  if (process.env.DOCKER_HOST)
    throw new Error(
      `no Docker daemon answers at DOCKER_HOST=${process.env.DOCKER_HOST}: start it, or unset DOCKER_HOST`,
    );
  await installPackages(
    "no Docker engine here",
    { dockerd: "docker.io", docker: "docker.io", iptables: "iptables", ip: "iproute2" },
    ask,
  );
  if (await answers()) return;
  await step("start the Docker engine", async (run) => {
    if (await stat("/run/systemd/system").catch(() => undefined))
      await run(...asRoot("systemctl", ["start", "docker"]));
    else await startDetached();
  });
}

/** Without a service manager (a container, CI): a dockerd that outlives this process. */
async function startDetached(): Promise<void> {
  const logFile = path.join(cacheDir, "logs", "dockerd.log");
  await mkdir(path.dirname(logFile), { recursive: true });
  await forgetEndedDaemon();
  const log = openSync(logFile, "w");
  const [command, args] = asRoot("dockerd", []);
  const daemon = spawn(command, args, { detached: true, stdio: ["ignore", log, log] });
  let ended: string | undefined;
  daemon.on("error", (error) => (ended = `cannot be started (${error.message})`));
  daemon.on("exit", (code, signal) => (ended = `ended with ${signal ?? `exit code ${code}`}`));
  daemon.unref();
  const deadline = Date.now() + STARTS_WITHIN_MS;
  while (!(await answers())) {
    if (ended === undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    const tail = (await readFile(logFile, "utf8")).trim().split("\n").slice(-10).join("\n");
    throw new Error(
      `dockerd ${ended ?? `does not answer after ${STARTS_WITHIN_MS / 1000} s`}:\n${tail}\n(whole log: ${logFile})`,
    );
  }
}

/** Without a service manager the file outlives a restart. If its number is another program's by then, dockerd refuses to start. */
async function forgetEndedDaemon(): Promise<void> {
  const pid = (await readFile(PID_FILE, "utf8").catch(() => "")).trim();
  if (!pid) return;
  const program = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  if (program.trim() !== "dockerd") await execa(...asRoot("rm", ["-f", PID_FILE]));
}
