import { printedOnHost } from "../../components/docker/host-shell.ts";
import type { DockerEndpoint } from "../../components/docker/ssh-connection.ts";
import { ADDRESSES, localAddresses } from "../../components/docker/host-addresses.ts";

/** What Docker does not tell of its host. */
export interface HostFacts {
  /** IPv4 addresses of its interfaces. */
  readonly addresses: readonly string[];
  /** Of each interface, by its name. */
  readonly mtus: ReadonlyMap<string, number>;
  /** The interface of its default route. */
  readonly wayOut: string | undefined;
  /** Ports that something listens on. */
  readonly listeners: readonly Listener[];
  /** Rules of the table `nat`, as `iptables -S` prints them; undefined for a user who may not ask. */
  readonly natRules: readonly string[] | undefined;
}

interface Listener {
  readonly address: string;
  readonly port: number;
  /** For example `nginx (process 812)`; undefined for a user who is not told. */
  readonly program: string | undefined;
}

/** Reads only; what a host has not, or a user may not, prints nothing. */
const SCRIPT = `echo "# name"; uname -n
echo "# address"; ${ADDRESSES}
echo "# link"; ip -o link show
echo "# route"; ip -4 route show default
echo "# listen"; ss -Hltnp
echo "# nat"; iptables -w 2 -t nat -S || sudo -n iptables -w 2 -t nat -S`;

/** Asks the host of a Docker daemon; undefined where the daemon is on another machine than its socket, or nobody answers. */
export async function hostFacts(endpoint: DockerEndpoint, daemonName: string): Promise<HostFacts | undefined> {
  const { name, facts } = readFacts(await printedOnHost(endpoint, SCRIPT));
  return name === daemonName ? facts : undefined;
}

/** What the script has printed. */
export function readFacts(printed: string): { readonly name: string; readonly facts: HostFacts } {
  const sections = new Map(
    printed.split(/^# /m).map((section): [string, string[]] => {
      const [title = "", ...lines] = section.trimEnd().split("\n");
      return [title, lines];
    }),
  );
  const lines = (title: string) => sections.get(title) ?? [];
  const [name = ""] = lines("name");
  const natRules = lines("nat");
  return {
    name,
    facts: {
      addresses: localAddresses(lines("address").join("\n")),
      mtus: new Map(
        lines("link").flatMap((line): [string, number][] => {
          const found = /^\d+: ([^:@\s]+)[:@].* mtu (\d+)/.exec(line);
          return found ? [[found[1]!, Number(found[2])]] : [];
        }),
      ),
      wayOut: / dev (\S+)/.exec(lines("route")[0] ?? "")?.[1],
      listeners: lines("listen").flatMap((line) => listener(line) ?? []),
      natRules: natRules.length ? natRules : undefined,
    },
  };
}

/** For example `LISTEN 0 5 127.0.0.1:4000 0.0.0.0:* users:(("python3",pid=25910,fd=3))`. */
function listener(line: string): Listener | undefined {
  const found = /^LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s/.exec(line);
  if (!found) return undefined;
  const user = /users:\(\("([^"]*)",pid=(\d+)/.exec(line);
  return {
    address: found[1]!.replace(/%.*$/, ""),
    port: Number(found[2]),
    program: user ? `${user[1]} (process ${user[2]})` : undefined,
  };
}

const EVERYWHERE = ["0.0.0.0", "*", "[::]"];

/** Who listens at an address of the host; undefined where nobody does, or the host does not tell. */
export const holderOf = (facts: HostFacts | undefined, address: string, port: number): string | undefined =>
  facts?.listeners.find((one) => one.port === port && [...EVERYWHERE, address].includes(one.address))?.program;
