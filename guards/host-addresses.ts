import { hostname, networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { type DockerEndpoint, isSsh, SshConnection } from "../components/docker/ssh-connection.ts";
import type { PublishedPort } from "../settings/settings.ts";

/** The routing table of the kernel, which each Linux has, also one without `ip` and `hostname -I`. */
const ADDRESSES = "cat /proc/net/fib_trie";

/**
 * IPv4 addresses of the host; undefined where nobody can say: the socket is that of another machine (Docker Desktop, a
 * container that has it as a volume), or sshd runs no other command than docker.
 *
 * @param name The host's name, as its daemon gives it.
 */
export async function hostAddresses(endpoint: DockerEndpoint, name: string): Promise<readonly string[] | undefined> {
  if (isSsh(endpoint)) {
    const connection = new SshConnection(endpoint, { command: ADDRESSES });
    connection.end();
    // What is the matter with ssh itself has been said: the daemon was asked before.
    const printed = await text(connection).catch(() => "");
    const found = localAddresses(printed);
    return found.length ? found : undefined;
  }
  if (name !== hostname()) return undefined;
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return interfaces.filter(({ family }) => family === "IPv4").map(({ address }) => address);
}

/** The addresses of which a routing table says that they are the host's own. */
export const localAddresses = (trie: string): string[] => [
  ...new Set([...trie.matchAll(/\|-- ([\d.]+)\s+\/32 host LOCAL/g)].map(([, address]) => address!)),
];

/**
 * Addresses that a port is to be published on and that the host does not have: Docker would find it out when the
 * container that has the port now is gone.
 *
 * @param bridges Addresses that the host has only towards containers.
 */
export function addressProblems(
  ports: readonly Pick<PublishedPort, "address">[],
  own: readonly string[] | undefined,
  bridges: readonly string[] = [],
): string[] {
  if (!own) return [];
  const onLan = own.filter((one) => !one.startsWith("127.") && !bridges.includes(one));
  const wanted = [...new Set(ports.map(({ address }) => address))];
  // All of 127.0.0.0/8 is the host's own.
  return wanted
    .filter((address) => !address.startsWith("127.") && !own.includes(address))
    .map(
      (address) =>
        `${address} is no address of the host, which has ${onLan.join(", ")}. ` +
        "Write the one by which the LAN reaches it at litellm-mcp:lan.address",
    );
}
