import type { Finding } from "./finding.ts";

/** What it means, and what helps. */
export type Words = readonly [means: string, fix: string];
type Said = readonly [pattern: RegExp, means: string, fix: string];

/** Why Docker cannot start a container, with what it means and what helps. */
export const NOT_STARTED: readonly Said[] = [
  [
    /cannot assign requested address/,
    "its port is to be at an address that the host does not have: lan.address is wrong, or the host has another one now",
    "ip -4 address on the host; write its address at litellm-mcp:lan.address, then npm run up",
  ],
  [
    /iptables[^]*No chain\/target\/match by that name|Chain 'DOCKER[^']*' does not exist/,
    "somebody has emptied the tables of the host's firewall, with Docker's own rules in them",
    "on the host: sudo systemctl restart docker",
  ],
  [/network \S+ not found/, "a network of it was removed", "npm run up makes the network and the container again"],
  [
    /bind source path does not exist|error while creating mount source path|not a directory.*mount|mount.*not a directory/i,
    "a directory of the host that it is given (mounts) is not there any more",
    "make the directory, or write another one at the server's mounts; then npm run up",
  ],
  [
    /executable file not found|no such file or directory: unknown|exec format error/,
    "the program that it is to run is not in its image, or for another kind of processor",
    "the command in the server's server.yaml; uname -m on the host",
  ],
  [/no space left on device/i, "the disk with Docker's data is full", "df -h on the host; docker system df"],
  [/Cannot allocate memory|cannot allocate memory/, "the host has no memory left", "free -m on the host"],
];

/** What a log says when something outside of the program is wrong, with what it means and what helps. */
export const LOGGED: readonly Said[] = [
  [
    /too many clients already|remaining connection slots are reserved|too many connections for role/,
    "Postgres takes no more connections",
    "docker exec POSTGRES psql -U postgres -c 'select usename, client_addr, count(*) from pg_stat_activity group by 1, 2' says who has them",
  ],
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
    /P1003\b|database "[^"]*" does not exist/i,
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
    /EACCES: permission denied, (?:open|mkdir)|Permission denied: '\//,
    "files that it is to write belong to somebody else",
    "npm run up -- --refresh gives data of the stack to its user; a directory of the host (mounts) has to be readable for all",
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

/** Why an adapter has no server, in its own words (adapter/child.ts, upstream.ts, outgoing.ts). */
export const AWAY: readonly Said[] = [
  [
    /^it cannot be started: .*ENOENT/,
    "the program of the server is not in its image",
    "the command in its server.yaml; after a new package: npm run lock -- SERVER, then npm run up",
  ],
  [
    /^it cannot be started: .*EACCES/,
    "the program of the server may not be run",
    "make it executable in setup.sh of the server (chmod +x), then npm run up",
  ],
  [
    /^it was ended by SIGKILL/,
    "something has killed the server's process: mostly the kernel, because its memory is too little",
    "raise limits.memory of the server, then npm run up",
  ],
  [
    /^it (?:ended|was ended)/,
    "the server's program ends as soon as it is started: no tool of it is listed",
    "fix what its log says: mostly an argument, a directory or a secret that is missing",
  ],
  [
    /^it cannot be reached: ECONNREFUSED/,
    "the server's own container or machine is there, and nothing listens at its port",
    "start the server; is source.url, or transport.port, the right one?",
  ],
  [
    /^it cannot be reached: (?:ENOTFOUND|EAI_AGAIN)/,
    "the name of the server's machine is not known to the host",
    "write its IP address at source.url, or add the name to the host's DNS",
  ],
  [
    /^it cannot be reached: (?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET)/,
    "the server's machine is off, or a firewall is in between",
    "curl its source.url on the host",
  ],
  [
    /^it answered HTTP 40[13]/,
    "the server wants another key or token than the stack has for it",
    "set the secret of its bearerToken or headers again (pulumi config set --secret), then npm run up",
  ],
  [
    /^it answered HTTP|^it is no |^it names no endpoint|^it refused initialize/,
    "something answers at the server's address, and it does not speak MCP there",
    "source.url with its path (/mcp or /sse), and transport.kind, in its server.yaml",
  ],
  [
    /did not answer|does not read what it is sent|has not answered yet/,
    "the server's program runs and does nothing: its adapter ends it and starts it again",
    "look again in a minute; if it is so again, docker logs says at what it hangs",
  ],
];

export const matching = (table: readonly Said[], text: string): Words | undefined => {
  const [, means, fix] = table.find(([pattern]) => pattern.test(text)) ?? [];
  return means === undefined || fix === undefined ? undefined : [means, fix];
};

/** What it means that an adapter has no server, for this reason. */
export function explainAway(server: string, reason: string): Omit<Finding, "seen"> {
  const [means, fix] = matching(AWAY, reason) ?? [
    "no tool of it can be called; its adapter tries again and again",
    "its log is that of its container",
  ];
  return { means, fix: fix.replace("SERVER", server) };
}
