import { lookup as resolve, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Where a server may be. */
export interface Reach {
  /** Whether it may be outside of the private networks. */
  readonly isPublic: boolean;
  /** Only tests have their server on the machine's own address: in a container that is the adapter itself. */
  readonly loopback?: boolean;
}

/** An address, or a name that leads to none but such, to which nothing may connect. */
export class AddressRefused extends Error {}

const list = (...subnets: readonly string[]): BlockList => {
  const made = new BlockList();
  for (const subnet of subnets) {
    const [address = "", bits] = subnet.split("/");
    made.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return made;
};

const LOOPBACK = list("127.0.0.0/8", "::1/128");
const PRIVATE = list("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7");
/** Clouds answer there with the credentials of the machine; some of these are within the private networks. */
const METADATA = list("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128");
/** What is no address of one host, or has an IPv4 address in it that nobody looked at. */
const SPECIAL = list(
  ...["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"],
  ...["::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "ff00::/8"],
);

/** Why the adapter does not connect to `address`; undefined: it may. */
export function refusedAddress(address: string, { isPublic, loopback = false }: Reach): string | undefined {
  const plain = address.replace(/%.*$/, "");
  const family = isIP(plain);
  if (family === 0) return "no address";
  // A list knows an IPv4 address that is written as an IPv6 one, `::ffff:127.0.0.1`, too.
  const isIn = (addresses: BlockList) => addresses.check(plain, family === 6 ? "ipv6" : "ipv4");
  if (isIn(LOOPBACK)) return loopback ? undefined : "a loopback address";
  if (isIn(METADATA)) return "a link-local or metadata address";
  if (isIn(SPECIAL)) return "an address of no host";
  return isPublic || isIn(PRIVATE) ? undefined : "a public address";
}

/** The host of a URL, if it is an address and not a name: Node connects to such without any lookup. */
export function refusedHost({ hostname }: URL, reach: Reach): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? undefined : refusedAddress(host, reach);
}

/**
 * Resolves a name at the moment of each connection, and gives Node only addresses that may be reached: what is looked at is what is
 * connected to, whatever the name leads to a moment later.
 */
export const lookupWithin =
  (reach: Reach): LookupFunction =>
  (hostname, options, callback) => {
    // Without `order`, so that Node's own setting counts.
    const { family = 0, hints = 0 } = options;
    resolve(hostname, { family, hints, all: true }, (error, found: LookupAddress[]) => {
      if (error) return callback(error, []);
      const reasons = found.map(({ address }) => refusedAddress(address, reach));
      const allowed = found.filter((_, at) => reasons[at] === undefined);
      const [first] = allowed;
      if (!first) return callback(new AddressRefused(reasons[0] ?? "no address"), []);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
