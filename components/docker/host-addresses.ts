import { printedOnHost } from "./host-shell.ts";
import type { DockerEndpoint } from "./ssh-connection.ts";

/** Prints the routing table of the kernel, which each Linux has, also one without `ip` and `hostname -I`. */
export const ADDRESSES = "cat /proc/net/fib_trie";

/**
 * IPv4 addresses of the host; undefined where nobody can say: the socket is that of another machine (Docker Desktop, a
 * container that has it as a volume), or sshd runs no other command than docker.
 *
 * @param name The host's name, as its daemon gives it.
 */
export async function hostAddresses(endpoint: DockerEndpoint, name: string): Promise<readonly string[] | undefined> {
  const [asked, ...trie] = (await printedOnHost(endpoint, `uname -n; ${ADDRESSES}`)).split("\n");
  const found = localAddresses(trie.join("\n"));
  return asked === name && found.length ? found : undefined;
}

/** The addresses of which a routing table says that they are the host's own. */
export const localAddresses = (trie: string): string[] => [
  ...new Set([...trie.matchAll(/\|-- ([\d.]+)\s+\/32 host LOCAL/g)].map(([, address]) => address!)),
];
