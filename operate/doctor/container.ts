import type Docker from "dockerode";
import { containerLogTail } from "../../components/docker/docker-connection.ts";
import { gone } from "../../components/docker/gone.ts";
import type { Finding } from "./finding.ts";

const LOG_LINES = 60;
/** So often within one life it has not ended by chance. */
const MANY_RESTARTS = 3;

/** What `docker inspect` says of a container; only what is read here. */
export interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string; readonly Log: readonly { readonly Output: string }[] | null };
  };
  readonly HostConfig: { readonly Memory?: number };
  readonly RestartCount: number;
}

/** What a log says when something outside of the program is wrong, with what it means and what helps. */
const SAID: readonly (readonly [RegExp, string, string])[] = [
  [
    /Can't reach database server|P1001\b|connection to server .* failed: (?:Connection refused|timeout)/,
    "it does not reach Postgres",
    "npm run up brings back a Postgres that is stopped or paused. Does it run, and time out all the same: NAT rules of networks that are gone (docs/troubleshooting.md)",
  ],
  [
    /P1000\b|password authentication failed|\b28P01\b/,
    "Postgres has another password than the stack",
    "npm run rotate -- --databases gives both the same",
  ],
  [
    /P1003\b|database "[^"]*" does not exist/,
    "its database is gone",
    "npm run up -- --refresh makes it again, empty; npm run restore -- FILE brings back what was in it",
  ],
  [
    /No space left on device|ENOSPC/,
    "a disk is full: the host's, or the /tmp of this container",
    "df -h on the host; docker system df shows what Docker has. limits.tmp of the server, where its own /tmp is too small",
  ],
  [
    /Cannot allocate memory|MemoryError|JavaScript heap out of memory|ENOMEM/,
    "its memory is too little",
    "raise limits.memory of the server (gateway.memory of LiteLLM), then npm run up",
  ],
  [
    /can't start new thread|Resource temporarily unavailable|\bEAGAIN\b|spawn .* EAGAIN/,
    "it may have no more processes",
    "raise limits.pids of the server, then npm run up",
  ],
  [
    /Read-only file system|\bEROFS\b/,
    "it writes where nothing can be written",
    "give the server data or limits.tmp in its server.yaml: docs/settings.md",
  ],
  [
    /Temporary failure in name resolution|EAI_AGAIN|getaddrinfo ENOTFOUND/,
    "a name is not known to it",
    "a server that needs the internet has egress: true; else look at the DNS of the host: cat /etc/resolv.conf there",
  ],
  [
    /certificate verify failed|unable to get local issuer|CERT_NOT_YET_VALID|certificate has expired/,
    "it does not trust the other side's certificate",
    "is the clock of the host right (timedatectl)? Does somebody open TLS on the way?",
  ],
  [
    /Address already in use|EADDRINUSE/,
    "its port is taken within the container",
    "docker restart it; if it says so again, another program of its image has the port",
  ],
];

/** It runs, and is healthy where it can say so. */
export const isWell = ({ State: { Status, Health } }: Pick<Inspected, "State">): boolean =>
  Status === "running" && (!Health || ["healthy", "none"].includes(Health.Status));

/** What a container's state, healthcheck and log say, or undefined when there is nothing wrong with it. */
export function judge(name: string, inspected: Inspected, log: string): Finding | undefined {
  const { State, HostConfig, RestartCount } = inspected;
  const { Status: status, Health, OOMKilled: isOutOfMemory, ExitCode: exitCode } = State;
  if (isWell(inspected) && RestartCount < MANY_RESTARTS) return undefined;
  const health = Health?.Log?.at(-1)?.Output.trim();
  const seen = [
    `container ${name} is ${status}${Health && status === "running" ? ` and ${Health.Status}` : ""}`,
    ...(RestartCount ? [`was started again ${RestartCount} times`] : []),
    ...(status === "exited" ? [`ended with exit code ${exitCode}`] : []),
    ...(health && !isWell(inspected) ? [`says ${health.slice(0, 300)}`] : []),
  ].join(", ");
  if (isOutOfMemory)
    return {
      seen,
      means: `it needed more memory than its ${Math.round((HostConfig.Memory ?? 0) / 2 ** 20)} MiB`,
      fix: "raise limits.memory of the server (gateway.memory of LiteLLM), then npm run up",
    };
  const [, means, fix] = SAID.find(([pattern]) => pattern.test(log)) ?? [];
  if (means !== undefined && fix !== undefined) return { seen, means: `its log says that ${means}`, fix };
  if (status === "running" && Health?.Status === "starting")
    return { seen, means: "it has not been healthy yet since it started", fix: "look again in a minute" };
  return { seen, fix: `its log: docker logs --tail 50 ${name}; then npm run up` };
}

/** Looks at a container; one that is missing was found before. */
export async function examine(docker: Docker, name: string): Promise<Finding | undefined> {
  let found: Finding | undefined;
  const looked = (async () => {
    const inspected = (await docker.getContainer(name).inspect()) as unknown as Inspected;
    found = judge(name, inspected, await containerLogTail(docker, name, LOG_LINES));
  })();
  await gone(looked);
  return found;
}
