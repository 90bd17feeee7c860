import type { PublishedPort } from "../settings/settings.ts";

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
