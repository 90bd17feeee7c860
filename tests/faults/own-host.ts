import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, open, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import Docker from "dockerode";
import { execa } from "execa";
import { catalogue } from "../../lab/docker/images.ts";
import { startSshd, type TestSshd } from "../../lab/docker/sshd.ts";
import { eventually } from "../e2e/gateway.ts";

// A second Docker host on this machine, with a network, a disk and a daemon of its own, which may be broken.
const NAMESPACE = "mcpfaults";
/** What stands for the LAN: this machine is still on it when the host's cable is pulled out. */
const LAN = "mcpfaults-lan";
const [CABLE, CABLES_END] = ["mcpfaults-host", "mcpfaults-eth"];
const [THIS_MACHINE, HOST] = ["10.213.7.1", "10.213.7.2"];
const SSH_PORT = 2222;
/** Short, because the path of a socket has to be. */
const FOLDER = "/run/mcpfaults";
const DATA = `${FOLDER}/data`;
const FILLER = `${DATA}/filler`;
const SOCKET = `unix://${FOLDER}/docker.sock`;
const CONTAINERD = `${FOLDER}/containerd.sock`;
const LOG = `${FOLDER}/dockerd.log`;
/** Takes as much of this machine's disk as was ever written to it. */
const DISK = "/var/tmp/mcpfaults.img";
const DISK_SIZE = "12G";
const MIB = 2 ** 20;

/** Images are built there, from the registries that this machine reaches. */
const RULES = [
  ["nat", "POSTROUTING", "-s", HOST, "!", "-o", LAN, "-j", "MASQUERADE"],
  ["filter", "FORWARD", "-i", LAN, "-j", "ACCEPT"],
  ["filter", "FORWARD", "-o", LAN, "-j", "ACCEPT"],
] as const;

export class OwnHost {
  readonly address = HOST;
  readonly docker = new Docker({ socketPath: SOCKET.replace("unix://", "") });
  readonly sshd: TestSshd;
  #daemon: ChildProcess;

  private constructor(sshd: TestSshd, daemon: ChildProcess) {
    this.sshd = sshd;
    this.#daemon = daemon;
  }

  /** Makes it, with the images on which those of a stack are built. What an interrupted run has left is removed before. */
  static async make(): Promise<OwnHost> {
    if (process.getuid?.() !== 0) throw new Error("only root can make a Docker host of its own on this machine");
    await clear();
    try {
      await makeNetwork();
      await makeDisk();
      runWithin("containerd", "--config", `${FOLDER}/containerd.toml`);
      const daemon = await startDocker();
      const images = catalogue.filter(({ onDemand }) => !onDemand).map(({ image }) => image);
      const copy = `set -o pipefail; docker save "$@" | docker --host ${SOCKET} load`;
      await execa("bash", ["-c", copy, "copy", ...images]);
      const sshd = await startSshd({ address: HOST, port: SSH_PORT, within: NAMESPACE, dockerHost: SOCKET });
      return new OwnHost(sshd, daemon);
    } catch (error) {
      await clear();
      throw error;
    }
  }

  /** Ends the daemon, which ends its containers; or kills it, which leaves them as they are. */
  async stopDocker(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const ended = once(this.#daemon, "exit");
    this.#daemon.kill(signal);
    await ended;
  }

  async startDocker(): Promise<void> {
    this.#daemon = await startDocker();
  }

  /** Leaves no block of the disk with Docker's data free. */
  async fillDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(DATA);
    // At once what is sure to be there, the rest byte by byte.
    await execa("fallocate", ["--length", String(Math.max(bavail * bsize - 16 * MIB, 1)), FILLER]);
    const filler = await open(FILLER, "a");
    for (const size of [MIB, 4096, 1]) {
      const isFull = (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOSPC") throw error;
        return undefined;
      };
      while ((await filler.write(Buffer.alloc(size)).catch(isFull)) !== undefined);
    }
    await filler.close().catch(() => {});
  }

  async freeDisk(): Promise<void> {
    await rm(FILLER, { force: true });
  }

  /** Ends sshd and every connection through it. */
  async cutSsh(): Promise<void> {
    for (const pid of await inNamespace())
      if ((await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).startsWith("sshd")) kill(pid);
  }

  pullCable(): Promise<unknown> {
    return execa("ip", ["link", "set", CABLE, "down"]);
  }

  plugCable(): Promise<unknown> {
    return execa("ip", ["link", "set", CABLE, "up"]);
  }

  async remove(): Promise<void> {
    await this.sshd.stop();
    await clear();
  }
}

async function makeNetwork(): Promise<void> {
  const inside = ["-n", NAMESPACE];
  for (const args of [
    ["netns", "add", NAMESPACE],
    ["link", "add", LAN, "type", "bridge"],
    ["address", "add", `${THIS_MACHINE}/24`, "dev", LAN],
    ["link", "set", LAN, "up"],
    ["link", "add", CABLE, "type", "veth", "peer", "name", CABLES_END, "netns", NAMESPACE],
    ["link", "set", CABLE, "master", LAN, "up"],
    [...inside, "link", "set", "lo", "up"],
    [...inside, "address", "add", `${HOST}/24`, "dev", CABLES_END],
    [...inside, "link", "set", CABLES_END, "up"],
    [...inside, "route", "add", "default", "via", THIS_MACHINE],
  ])
    await execa("ip", args);
  for (const [table, ...rule] of RULES) await execa("iptables", ["-t", table, "-I", ...rule]);
}

async function makeDisk(): Promise<void> {
  await mkdir(DATA, { recursive: true });
  await execa("truncate", ["--size", DISK_SIZE, DISK]);
  // No block is kept for root, whose daemon could use it.
  await execa("mkfs.ext4", ["-q", "-m", "0", DISK]);
  await execa("mount", ["-o", "loop", DISK, DATA]);
  await writeFile(`${FOLDER}/daemon.json`, "{}");
  const containerd = [
    ...["version = 2", `root = "${DATA}/containerd"`, `state = "${FOLDER}/containerd"`],
    ...[`disabled_plugins = ["io.containerd.grpc.v1.cri"]`, "[grpc]", `address = "${CONTAINERD}"`],
  ];
  await writeFile(`${FOLDER}/containerd.toml`, containerd.join("\n"));
}

/** Starts a program that serves, whose output is kept. */
function runWithin(...command: readonly string[]): ChildProcess {
  const log = openSync(LOG, "a");
  const started = spawn("nsenter", [`--net=/run/netns/${NAMESPACE}`, ...command], { stdio: ["ignore", log, log] });
  closeSync(log);
  return started;
}

async function startDocker(): Promise<ChildProcess> {
  const folders = ["--data-root", `${DATA}/docker`, "--exec-root", `${FOLDER}/exec`, "--pidfile", `${FOLDER}/pid`];
  // With no settings of the daemon that this machine has. A containerd that it had started itself would end with it, where
  // that of a distribution is a service of its own.
  const others = ["--config-file", `${FOLDER}/daemon.json`, "--containerd", CONTAINERD];
  const daemon = runWithin("dockerd", ...folders, ...others, "--host", SOCKET);
  await eventually("the daemon of the host answers", 120, async () => {
    if (daemon.exitCode !== null) throw new Error(`dockerd has ended:\n${(await readFile(LOG, "utf8")).slice(-2_000)}`);
    return (await execa("docker", ["--host", SOCKET, "version"], { reject: false })).exitCode === 0;
  });
  return daemon;
}

/** Takes all of it away, whatever there is. */
async function clear(): Promise<void> {
  await eventually("the processes of the host have ended", 30, async () => {
    const pids = await withDescendants(await inNamespace());
    pids.forEach(kill);
    return pids.length === 0;
  });
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  // Those within others first.
  for (const mount of mounts.filter((one) => one.startsWith(`${FOLDER}/`)).reverse())
    await eventually(`${mount} is unmounted`, 30, async () => !(await fails("umount", mount)));
  for (const left of [FOLDER, DISK]) await rm(left, { recursive: true, force: true });
  await fails("ip", "netns", "delete", NAMESPACE);
  await fails("ip", "link", "delete", CABLE);
  await fails("ip", "link", "delete", LAN);
  for (const [table, ...rule] of RULES) while (!(await fails("iptables", "-t", table, "-D", ...rule)));
}

const fails = async (command: string, ...args: string[]) => (await execa(command, args, { reject: false })).failed;

async function inNamespace(): Promise<number[]> {
  const { stdout } = await execa("ip", ["netns", "pids", NAMESPACE], { reject: false });
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** Those of containers are in networks of their own. */
async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [, parent] = /^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => "")) ?? [];
    parents.set(Number(pid), Number(parent));
  }
  const all = new Set(pids);
  for (let size = 0; size !== all.size;) {
    size = all.size;
    for (const [pid, parent] of parents) if (all.has(parent)) all.add(pid);
  }
  return [...all];
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
