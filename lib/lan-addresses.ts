import { BlockList, isIPv4 } from "node:net";
import { refusedAddress } from "./addresses.ts";

/** What an address without a port, and a network, open: a page of the LAN, and not a database or a daemon. */
const WEB_PORTS = [80, 443];

/** In no private network, and on no site of the internet either: whatever answers there is somebody's own. */
const RESERVED = new BlockList();
for (const [address, bits] of [
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
] as const)
  RESERVED.addSubnet(address, bits);
for (const [address, bits] of [
  ["100::", 64],
  ["2001:db8::", 32],
] as const)
  RESERVED.addSubnet(address, bits, "ipv6");

const isPublic = (address: string) =>
  refusedAddress(address, { isPublic: false }) === "a public address" &&
  !RESERVED.check(address, isIPv4(address) ? "ipv4" : "ipv6");

interface Named {
  readonly address: string;
  /** Of a network: how many bits of the address are its own. */
  readonly bits: number | undefined;
  readonly ports: readonly number[];
}

const PATTERN = /^(?<address>\d+\.\d+\.\d+\.\d+)(?:\/(?<bits>\d{1,2})|:(?<port>\d{1,5}))?$/;

/** `192.168.1.20`, `192.168.1.20:8080` or `192.168.1.0/24`. */
function parse(text: string): Named | undefined {
  const { address = "", bits, port } = PATTERN.exec(text)?.groups ?? {};
  if (!isIPv4(address) || Number(bits ?? 0) > 32 || (port !== undefined && !isPort(Number(port)))) return undefined;
  return {
    address,
    bits: bits === undefined ? undefined : Number(bits),
    ports: port === undefined ? WEB_PORTS : [Number(port)],
  };
}

const isPort = (port: number) => port >= 1 && port <= 65_535;

/** First and last address of a network of so many bits. */
function edges({ address, bits = 32 }: Named): [string, string] {
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  const first = Math.floor(number / size) * size;
  return [dotted(first), dotted(first + size - 1)];
}

const dotted = (number: number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");

const FORMS =
  "an address of the LAN with a port or without one (80 and 443), such as 192.168.1.20:8080 or 192.168.1.20, or a network, such as 192.168.1.0/24";

/** What to write instead of an entry of `lanAddresses`; undefined: it is one. */
export function lanAddressAdvice(text: string): string | undefined {
  const named = parse(text);
  if (!named) return FORMS;
  // Of a network both edges, since no list of what is private has a hole in it that is larger than one address.
  const reasons = edges(named).map((edge) => refusedAddress(edge, { isPublic: true }));
  if (edges(named).some(isPublic))
    return named.bits === undefined
      ? "leave it out: this is a public address, which is open"
      : "a network of private addresses, such as 192.168.1.0/24";
  // An address that clouds have for their credentials can be meant, if it is named as nothing else but itself.
  const isMeant = named.bits === undefined && reasons[0] === METADATA;
  return isMeant || reasons.every((reason) => reason === undefined) ? undefined : `${FORMS}: this is ${reasons[0]}`;
}

const METADATA = "a link-local or metadata address";

/** The private addresses that a stack opens for a server. */
export class LanAddresses {
  readonly #single = new Set<string>();
  readonly #networks = new BlockList();

  /** @param entries As `lanAddressAdvice` wants them. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const named = parse(entry);
      if (!named) throw new Error(`${entry}: ${FORMS}`);
      if (named.bits === undefined) for (const port of named.ports) this.#single.add(`${named.address}:${port}`);
      else this.#networks.addSubnet(named.address, named.bits);
    }
  }

  /**
   * Why nothing may connect there; undefined: it may, since it is public or named.
   *
   * @param own Networks of whoever asks, in which no network of the LAN opens anything: the gateway and other servers are there.
   */
  refused(address: string, port: number, own: BlockList): Refused | undefined {
    const reason = refusedAddress(address, { isPublic: true });
    const isNamed = this.#single.has(`${address}:${port}`);
    if (reason !== undefined) return isNamed && reason === METADATA ? undefined : { reason };
    if (isNamed) return undefined;
    if (isIPv4(address) && own.check(address)) return { reason: "an address of the gateway's own networks" };
    if (isPublic(address)) return undefined;
    if (isIPv4(address) && WEB_PORTS.includes(port) && this.#networks.check(address)) return undefined;
    if (!isIPv4(address)) return { reason: "a private address of IPv6" };
    return { reason: "a private address", write: WEB_PORTS.includes(port) ? address : `${address}:${port}` };
  }
}

export interface Refused {
  /** What it is. */
  readonly reason: string;
  /** The entry that would open it. */
  readonly write?: string;
}
