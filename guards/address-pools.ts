/** Where Docker takes the subnets of new networks from, as its daemon.json and `docker info` have it. */
export interface AddressPool {
  readonly Base: string;
  /** Bits of each subnet that is cut out of it. */
  readonly Size: number;
}

/** Docker's own, where daemon.json names none: 31 subnets (`localScopeDefaultNetworks` in Docker's libnetwork, 19.03 to 28). */
const DEFAULT_POOLS: readonly AddressPool[] = [
  ...["172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16"].map((Base) => ({ Base, Size: 16 })),
  ...["172.20.0.0/14", "172.24.0.0/14", "172.28.0.0/14"].map((Base) => ({ Base, Size: 16 })),
  { Base: "192.168.0.0/16", Size: 20 },
];
/** Of later ones nobody has looked at what their own pools are. */
const LAST_KNOWN_MAJOR = 28;

export interface Addresses {
  /** Version of the Docker engine. */
  readonly engine: string;
  /** Of daemon.json; undefined where it names none. */
  readonly pools: readonly AddressPool[] | undefined;
  /** Subnets of the networks on the daemon, in CIDR notation. */
  readonly taken: readonly string[];
}

/**
 * Why Docker will not have a subnet for each network that the stack makes; it would say so in the middle of `up` only, with
 * "could not find an available, non-overlapping IPv4 address pool".
 *
 * @param missing Names of the networks that are not there yet.
 */
export function addressProblem({ engine, pools, taken }: Addresses, missing: readonly string[]): string | undefined {
  if (!pools?.length && Number.parseInt(engine) > LAST_KNOWN_MAJOR) return undefined;
  const free = freeSubnets(pools?.length ? pools : DEFAULT_POOLS, taken);
  if (free >= missing.length) return undefined;
  return `Docker has addresses for ${free} more networks, and the stack makes ${missing.length} (${missing.join(", ")}); ${taken.length} are there.
Either remove networks that nobody uses: docker network prune, or give Docker more and smaller ones in /etc/docker/daemon.json
of the host, for instance "default-address-pools": [{ "base": "10.200.0.0/16", "size": 24 }], and restart it`;
}

/** How many subnets of the pools overlap none that is taken. */
export function freeSubnets(pools: readonly AddressPool[], taken: readonly string[]): number {
  const ranges = taken.flatMap((one) => range(one) ?? []);
  let free = 0;
  for (const { Base, Size } of pools) {
    const pool = range(Base);
    if (!pool) continue;
    const addresses = 2 ** (32 - Size);
    for (let first = pool.first; first < pool.end; first += addresses)
      if (!ranges.some((one) => one.first < first + addresses && first < one.end)) free += 1;
  }
  return free;
}

/** The addresses of an IPv4 subnet as numbers; undefined for IPv6, which has pools of its own. */
function range(subnet: string): { readonly first: number; readonly end: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(subnet);
  if (!match) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  const addresses = 2 ** (32 - bits);
  const first = Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / addresses) * addresses;
  return { first, end: first + addresses };
}
