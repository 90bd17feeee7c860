import { text } from "node:stream/consumers";
import { execa } from "execa";
import { type DockerEndpoint, isSsh, SshConnection } from "../../components/docker/ssh-connection.ts";

const WITHIN_MS = 15_000;

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
echo "# address"; ip -4 -o address show
echo "# link"; ip -o link show
echo "# route"; ip -4 route show default
echo "# listen"; ss -Hltnp
echo "# nat"; iptables -w 2 -t nat -S || sudo -n iptables -w 2 -t nat -S`;

/** Asks the host of a Docker daemon; undefined where the daemon is on another machine than its socket, or nobody answers. */
export async function hostFacts(endpoint: DockerEndpoint, daemonName: string): Promise<HostFacts | undefined> {
  // A host that lets this user do nothing but `docker` has told all it will.
  const printed = await ask(endpoint).catch(() => "");
  const { name, facts } = readFacts(printed);
  return name === daemonName ? facts : undefined;
}

async function ask(endpoint: DockerEndpoint): Promise<string> {
  if (!isSsh(endpoint)) {
    const { stdout } = await execa("sh", ["-c", SCRIPT], { reject: false, timeout: WITHIN_MS, stdin: "ignore" });
    return stdout;
  }
  // That the last command fails is nothing to ssh, which would forget what the others have printed.
  const connection = new SshConnection(endpoint, { command: `{ ${SCRIPT}\n} 2>/dev/null; true` });
  const late = setTimeout(() => connection.destroy(new Error("no answer")), WITHIN_MS);
  connection.end();
  return text(connection).finally(() => clearTimeout(late));
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
      addresses: lines("address").flatMap((line) => / inet ([\d.]+)/.exec(line)?.[1] ?? []),
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
