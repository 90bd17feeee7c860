import { FULL_PERCENT } from "../../check/scheduled/disk.ts";
import type { Finding } from "./finding.ts";
import type { HostFacts } from "./host-facts.ts";

/** A clock that is so far off makes times of the record, and budgets of a day, wrong. */
const CLOCK_SECONDS = 60;
/** The oldest Docker that all of this was tried with. */
const OLDEST_DOCKER = [20, 10] as const;

/** What `docker info` says; only what is read here. */
export interface DockerInfo {
  readonly Name: string;
  readonly ServerVersion: string;
  readonly SystemTime: string;
  readonly DockerRootDir: string;
}

/** Clock and Docker of the host. */
export function judgeDocker({ Name, ServerVersion, SystemTime }: DockerInfo, now: Date): Finding[] {
  const seconds = Math.round((new Date(SystemTime).getTime() - now.getTime()) / 1_000);
  const [major = 0, minor = 0] = /^(\d+)\.(\d+)/.exec(ServerVersion)?.slice(1).map(Number) ?? OLDEST_DOCKER;
  const isOld = major < OLDEST_DOCKER[0] || (major === OLDEST_DOCKER[0] && minor < OLDEST_DOCKER[1]);
  return [
    ...(Math.abs(seconds) > CLOCK_SECONDS
      ? [
          {
            seen: `the clock of ${Name} is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} this machine's`,
            means: "times in the record of calls are wrong, and so is when budgets begin anew",
            fix: "timedatectl set-ntp true on the one of the two that is wrong",
          },
        ]
      : []),
    ...(isOld
      ? [
          {
            seen: `Docker ${ServerVersion} runs on ${Name}`,
            means: "it is older than 20.10, the oldest that this program was tried with",
            fix: "install a newer Docker from your distribution or docs.docker.com; containers and volumes stay",
          },
        ]
      : []),
  ];
}

/** What `df -P`, `df -Pi` and a look at its rights say of the volume with the record of calls, asked within its container. */
export function judgeDisk(printed: string, root: string, volume: string): Finding[] {
  const [blocks = 0, inodes = 0] = [...printed.matchAll(/ (\d+)% /g)].map(([, percent]) => Number(percent));
  const user = /^user (\d+)$/m.exec(printed)?.[1];
  return [
    ...(Math.max(blocks, inodes) < FULL_PERCENT
      ? []
      : [
          {
            seen: `the disk that has Docker's data (${root}) is ${blocks} % full${inodes >= FULL_PERCENT ? `, and ${inodes} % of its inodes are used` : ""}`,
            means: "when it is full, calls cannot be recorded and are refused, and Postgres stops",
            fix: "docker system df on the host; docker image prune removes images that nothing uses",
          },
        ]),
    // Nothing can be written on a full disk either.
    ...(/^not writable$/m.test(printed) && blocks < 100
      ? [
          {
            seen: "the ingress may not write into the volume with the record of calls",
            means: "it refuses each call of a tool that it cannot record: HTTP 503, `its audit line cannot be written`",
            fix: `on the host: sudo sh -c 'cd $(docker volume inspect -f "{{.Mountpoint}}" ${volume}) && chown -R ${user} . && chmod -R u+rwX .'`,
          },
        ]
      : []),
  ];
}

/** A port of the host, as a container publishes it. */
export interface Published {
  readonly container: string;
  readonly address: string;
  readonly port: number;
}

/** Ports at addresses that the host does not have any more. */
export function judgeAddresses({ addresses }: HostFacts, published: readonly Published[]): Finding[] {
  const isThere = (address: string) => ["", "0.0.0.0", "127.0.0.1", ...addresses].includes(address);
  const gone = [...new Set(published.map(({ address }) => address))].filter((address) => !isThere(address));
  // A host that has not said which addresses it has.
  if (!addresses.length) return [];
  return gone.map((address) => ({
    seen: `ports are published at ${address}, and the host has ${addresses.filter((one) => one !== "127.0.0.1").join(", ")}`,
    means:
      "the host's address has changed: no client reaches the gateway, and after a restart its container does not start",
    fix: "write the new one at litellm-mcp:lan.address and npm run up; or have the router give the host the old one always",
  }));
}

/** A network of the stack on the daemon. */
export interface DockerNetwork {
  readonly id: string;
  readonly name: string;
  readonly subnets: readonly string[];
  readonly isInternal: boolean;
}

/** Rules of networks that are gone which take what belongs to networks that are there. */
export function judgeNatRules(
  { natRules = [], mtus }: HostFacts,
  networks: readonly DockerNetwork[],
  published: readonly Published[],
): Finding[] {
  const isOrphan = (rule: string) => {
    const bridge = /! -[io] (br-[0-9a-f]{12})\b/.exec(rule)?.[1];
    return bridge !== undefined && !mtus.has(bridge);
  };
  const subnets = networks.flatMap((network) => network.subnets);
  const ports = published.map(({ port }) => String(port));
  const inTheWay = natRules.filter(isOrphan).filter((rule) => {
    const source = /-A POSTROUTING -s (\S+)/.exec(rule)?.[1];
    const port = /-A DOCKER .*--dport (\d+)/.exec(rule)?.[1];
    return (source !== undefined && subnets.includes(source)) || (port !== undefined && ports.includes(port));
  });
  return inTheWay.map((rule) => ({
    seen: `the host has a NAT rule of a network that is gone: ${rule}`,
    means:
      "what containers of the stack, or its clients, send arrives with another address or at another container: it times out",
    fix: `on the host: sudo iptables -t nat ${rule.replace("-A ", "-D ")}`,
  }));
}

/**
 * Networks whose packets are larger than the host's way out takes. Mostly nobody notices, since the host says so to the
 * sender; so this is no finding by itself, and only when something times out.
 */
export function judgeMtu({ mtus, wayOut = "" }: HostFacts, networks: readonly DockerNetwork[]): Finding[] {
  const mtu = mtus.get(wayOut);
  if (mtu === undefined) return [];
  // As Docker names the interface of a network.
  const mtuOf = ({ id }: DockerNetwork) => mtus.get(`br-${id.slice(0, 12)}`) ?? 0;
  return networks
    .filter((network) => !network.isInternal && mtuOf(network) > mtu)
    .map((network) => ({
      seen: `network ${network.name} sends packets of ${mtuOf(network)} bytes, and ${wayOut} of the host takes ${mtu}`,
      means: "behind a VPN or in a cloud large answers get lost, so that TLS and downloads of containers hang",
      fix: `"mtu": ${mtu} in /etc/docker/daemon.json of the host, sudo systemctl restart docker; then remove the network and npm run up`,
    }));
}

/** What a name leads to from this machine. */
export function judgeName(
  { hostname, port }: URL,
  addresses: readonly string[] | Error,
  published: readonly Published[],
): Finding[] {
  const wanted = published.filter((one) => String(one.port) === (port || "80")).map(({ address }) => address);
  const [lan = ""] = [...wanted.filter((address) => address !== "127.0.0.1"), ...wanted];
  if (lan === "" || hostname === lan) return [];
  const line = `a line "${lan} ${hostname}" in the DNS server of the LAN, or in /etc/hosts of each client; without litellm-mcp:lan.hostname clients are given the address`;
  if (addresses instanceof Error)
    return [
      {
        seen: `the name ${hostname} is not known on this machine: ${addresses.message}`,
        means: "clients are told this name, and those that do not know it either find no gateway",
        fix: line,
      },
    ];
  if (addresses.includes(lan)) return [];
  return [
    {
      seen: `the name ${hostname} leads to ${addresses.join(", ")}, and the gateway is at ${lan}`,
      means: "clients that use the name ask another machine",
      fix: line,
    },
  ];
}
