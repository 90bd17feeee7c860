import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIPv4, type LookupFunction } from "node:net";
import { networkInterfaces } from "node:os";
import { RequestError, Server } from "proxy-chain";
import { LanAddresses } from "../lib/lan-addresses.ts";
import { log } from "./log.ts";

export interface WayOutOptions {
  /** The server's name, for texts. */
  readonly name: string;
  /** `lanAddresses` of the stack. */
  readonly lanAddresses: readonly string[];
}

interface Refusal {
  readonly at: number;
  readonly host: string;
  readonly text: string;
}

/** More than the calls that run at once can be about. */
const REFUSALS_KEPT = 100;
const LOOPBACK = "127.0.0.1";
/** One that no site has for a page that is forbidden or not there, of which a server would draw conclusions of its own. */
const BAD_GATEWAY = 502;

/**
 * The proxy through which a server asks for pages. It lets through what is public and what the stack names, and judges the addresses
 * that it then connects to, of redirects as well: to a server that goes through it, no name leads anywhere else.
 */
export class WayOut {
  readonly #name: string;
  readonly #allowed: LanAddresses;
  readonly #proxy: Server;
  #refusals: Refusal[] = [];

  constructor({ name, lanAddresses }: WayOutOptions) {
    this.#name = name;
    this.#allowed = new LanAddresses(lanAddresses);
    this.#proxy = new Server({
      host: LOOPBACK,
      port: 0,
      prepareRequestFunction: async ({ hostname, port }) => {
        const addresses = await this.#judge(hostname.replace(/^\[|\]$/g, ""), port);
        // What Node types as its `lookup` has a second form, which no connection uses.
        return { dnsLookup: givenOnly(addresses) as typeof lookup };
      },
    });
  }

  /** Begins to listen, on a port of its own choice. @returns what the server's process gets instead of variables of its own. */
  async open(): Promise<NodeJS.ProcessEnv> {
    await this.#proxy.listen();
    const url = `http://${LOOPBACK}:${this.#proxy.port}`;
    return { HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, https_proxy: url };
  }

  close(): Promise<void> {
    return this.#proxy.close(true);
  }

  /**
   * What was refused since then (`performance.now()`), of hosts that are named in `about`: the server knows only that nobody answered.
   */
  refusedSince(since: number, about: string): string[] {
    const texts = this.#refusals.filter(({ at, host }) => at >= since && about.includes(host)).map(({ text }) => text);
    return [...new Set(texts)];
  }

  /** @throws RequestError when none of the host's addresses may be reached. */
  async #judge(host: string, port: number): Promise<LookupAddress[]> {
    const found = await new Promise<LookupAddress[]>((resolve, reject) =>
      lookup(host, { all: true }, (error, addresses) =>
        error ? reject(this.#refusal(host, `the name ${host} is not known`)) : resolve(addresses),
      ),
    );
    const own = ownNetworks();
    const judged = found.map((each) => ({ ...each, refused: this.#allowed.refused(each.address, port, own) }));
    const [first] = judged;
    const allowed = judged.filter(({ refused }) => refused === undefined);
    if (allowed.length) return allowed.map(({ address, family }) => ({ address, family }));
    const what = first?.address === host ? host : `${host} leads to ${first?.address}, which`;
    const { reason = "no address", write } = first?.refused ?? {};
    const text =
      `${what} is ${reason}, and was not asked for anything.` +
      (write === undefined
        ? ""
        : ` Whoever runs the gateway can allow it: ${write} under litellm-mcp:servers.${this.#name}.lanAddresses in Pulumi.<stack>.yaml, then npm run up.`);
    log("not let out", { reason, port });
    throw this.#refusal(host, text);
  }

  #refusal(host: string, text: string): RequestError {
    this.#refusals = [...this.#refusals.slice(1 - REFUSALS_KEPT), { at: performance.now(), host, text }];
    return new RequestError(text, BAD_GATEWAY);
  }
}

/** Nothing is looked up again: what was judged is what is connected to. */
const givenOnly =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_host, { all }, callback) => {
    const [first] = addresses;
    if (all) callback(null, [...addresses]);
    else callback(null, first!.address, first!.family);
  };

/** The networks of this container, whose members are the gateway, other servers and the host itself. */
function ownNetworks(): BlockList {
  const own = new BlockList();
  for (const each of Object.values(networkInterfaces()).flat())
    if (each && !each.internal && each.cidr && isIPv4(each.address))
      own.addSubnet(each.address, Number(each.cidr.split("/")[1]));
  return own;
}
