import { type Finding, showFinding } from "./finding.ts";

/** A text of this program, of Pulumi, ssh or Docker: what it means, and the command that helps. */
type Said = readonly [pattern: RegExp, means: string, fix: string | ((found: RegExpExecArray) => string)];

/** The first that matches counts. Whatever is in brackets in a pattern is a command that the text names itself. */
const SAID: readonly Said[] = [
  // The state.
  [
    /incorrect passphrase/,
    "the stack's secrets were encrypted with another passphrase: nothing can be read or deployed without that one",
    "PULUMI_CONFIG_PASSPHRASE, or the file that PULUMI_CONFIG_PASSPHRASE_FILE names, has to be the one of whoever made the stack: docs/operate.md, State and passphrase",
  ],
  [
    /unable to read PULUMI_CONFIG_PASSPHRASE_FILE|passphrase must be set/,
    "the passphrase of the stack's secrets is not on this machine",
    "unset PULUMI_CONFIG_PASSPHRASE_FILE, or have it name the file: docs/operate.md, State and passphrase",
  ],
  [
    /unable to open bucket|blob \(key "\.pulumi|performing HTTP request: .*\/api\/user|unable to find gcp credentials/,
    "Pulumi does not get at the states where PULUMI_BACKEND_URL, or else the last pulumi login, says that they are",
    "write the address that they have into PULUMI_BACKEND_URL, or start what answers there; without the variable they are in a folder: docs/operate.md, State and passphrase",
  ],
  [
    /PULUMI_ACCESS_TOKEN must be set for login/,
    "PULUMI_BACKEND_URL, or else the last pulumi login, names a service at which nobody is logged in",
    "pulumi login ADDRESS; or unset PULUMI_BACKEND_URL, for states in a folder: docs/operate.md, State and passphrase",
  ],
  // ssh and Docker, as guards/docker-host.ts says it.
  [
    /is not the one in known_hosts.*?(ssh-keygen -f \S+ -R \S+|ssh-keygen -R \S+)/,
    "the host was installed again, or something else answers at its address. Nothing was sent to it",
    ([, forget]) => `if the host was really installed again: ${forget}, then ssh-keyscan as docs/operate.md has it`,
  ],
  [
    /SSH host key of .* is not known.*?(ssh-keyscan .*)/,
    "this machine has not yet been told by which key it knows that host, and sends nothing before",
    ([, keyscan]) => `compare the fingerprint, then: ${keyscan}`,
  ],
  [/(chmod 600 \S+)/, "ssh ignores such a key, so the host refuses the login", ([, chmod]) => `${chmod}`],
  [
    /there is no private key (\S+)\./,
    "litellm-mcp:docker.identity names a file that is not on this machine, so the host refuses the login",
    ([, file]) => `ls -l ${file}; write the file that there is, or leave docker.identity out`,
  ],
  [
    /refuses the SSH login.*?(ssh-copy-id .*)/,
    "sshd there knows no public key of this user of this machine",
    ([, copy]) => `${copy}`,
  ],
  [
    /the name (\S+) is not known here/,
    "no DNS server and no line of /etc/hosts has the name of the Docker host",
    ([, name]) => `getent hosts ${name}; an IP address in litellm-mcp:docker.host needs no name`,
  ],
  [
    /ends connections before the login/,
    "sshd is there, and takes no more connections from this machine",
    "on the host: sudo journalctl -u ssh --since -10min; MaxStartups 30 in its sshd_config",
  ],
  [
    /(\S+) does not answer\. Is the host on[^]*refused/,
    "the host is on, and no sshd listens at this port",
    "on the host: sudo systemctl start ssh; another port is written ssh://user@host:PORT in litellm-mcp:docker.host",
  ],
  [
    /(\S+) does not answer\. Is the host on/,
    "the host is off, or has another address, or a firewall is in between",
    ([, where = ""]) => `ping ${where.replace(/:\d+$/, "")}`,
  ],
  [
    /there is no docker command/,
    "sshd lets this user in, and Docker is not installed there, or not where this user finds it",
    "on the host: sudo apt-get install docker.io",
  ],
  [
    /too old to be reached over ssh/,
    "Docker there is older than 18.09",
    "install Docker 20.10 or newer on the host: docker version",
  ],
  [
    /no permission to use Docker.*?(sudo usermod \S+ \S+ [^,\s]+)/,
    "the Docker daemon runs, and its socket is not for this user",
    ([, usermod]) => `on that host: ${usermod}, then log in again`,
  ],
  [
    /no Docker daemon answers/,
    "Docker is not installed there, or its daemon does not run",
    "on that host: sudo systemctl start docker; if it ends again: sudo journalctl -u docker -n 50",
  ],
  [
    /client version \S+ is too old\. Minimum supported API version is \S+/i,
    "the Docker daemon is so new that it refuses the version of Docker's API that this program speaks",
    "on the host: sudo systemctl edit docker, there the lines [Service] and Environment=DOCKER_MIN_API_VERSION=1.24; then sudo systemctl restart docker",
  ],
  [
    /client version \S+ is too new\. Maximum supported API version is \S+/i,
    "the Docker daemon is older than the version of Docker's API that this program speaks",
    "docker version, on the host: install Docker 20.10 or newer, from your distribution or docs.docker.com",
  ],
  [
    /sshd on \S+ lets nobody connect to (?:a port of the host|its address)/,
    "Postgres and LiteLLM's admin API are on the host's loopback, which is reached through ssh alone",
    "on the host, in /etc/ssh/sshd_config: AllowTcpForwarding yes; then sudo systemctl reload ssh",
  ],
  // The rest of what preflight says.
  [
    /port (\d+) on \S+ of this machine, for the tunnel/,
    "the tunnel to Postgres cannot be opened while another program of this machine has its port",
    ([, port]) => `sudo ss -ltnp 'sport = :${port}' says who has it; or another litellm-mcp:postgres.tunnelPort`,
  ],
  [
    /is taken by container (\S+)\. Free it, or write another port at (\S+)/,
    "a container that is not the stack's listens where the stack is to listen",
    ([, container, setting]) => `docker stop ${container}, if nobody needs it; or another port at ${setting}`,
  ],
  [
    /port (\d+) on \S+ is taken by another program\. Free it, or write another port at (\S+)/,
    "a program of the host listens where the stack is to listen",
    ([, port, setting]) =>
      `on the host, sudo ss -ltnp 'sport = :${port}' says who has it; end it, or write another port at ${setting}`,
  ],
  [
    /is no address of the host, which has ([^\n]*?)\. Write/,
    "ports cannot be published there: the address is wrong, or the host has got another one",
    ([, addresses]) =>
      `write ${addresses} at litellm-mcp:lan.address; or have the router give the host the old one always`,
  ],
  [
    /Docker has addresses for \d+ more networks/,
    "Docker's pools of addresses are used up, mostly by networks of compose projects that are gone",
    "on the host: docker network prune",
  ],
  [
    /of another Pulumi state|was not made by this program|of another stack/,
    "somebody else's container, network or volume has a name that this stack would take; it was left alone",
    "another litellm-mcp:namePrefix, or remove it: docs/host-in-use.md",
  ],
  [
    /refuses \S+: password authentication failed[^]*?(pulumi config set --secret --path '[^']+')/,
    "the existing Postgres has another password for its administrator than the stack was told",
    ([, set]) => `${set}`,
  ],
  [
    /refuses [^]*no pg_hba\.conf entry/,
    "the existing Postgres lets nobody in from there",
    "a line for that address in its pg_hba.conf, then SELECT pg_reload_conf()",
  ],
  [
    /litellm-mcp:postgres.*(?:no answer from|nothing listens)/,
    "the existing Postgres does not answer at that address",
    "pg_isready -h HOST -p PORT, from the host",
  ],
  [
    /there is no network (\S+) on the host/,
    "the stack is to join a network of somebody else's, which is gone or has another name",
    ([, network]) => `docker network ls on the host; docker network create ${network}, or write one that is there`,
  ],
  // The settings.
  [/(pulumi config set --secret [^\n`]*[^\s`])/, "a secret that the settings name has no value", ([, set]) => `${set}`],
  [
    /package lock.*?(npm run lock -- \S+)|(npm run lock -- \S+).*package lock/,
    "no package is installed without a lock",
    ([, one, other]) => `${one ?? other}`,
  ],
  [
    /^(\S+): [^\n]+\n\s*found: [^\n]*\n\s*write: ([^]*)$/,
    "something is written there that means nothing, or not what it seems to",
    ([, file, write]) => `in ${file}, write ${write}`,
  ],
  [
    /LAN guard: /,
    "a component makes something that does not belong on this LAN",
    "take it out of the component: docs/security.md",
  ],
];

/** Texts that have several problems in them, and what is before each. */
const LISTS: readonly (readonly [head: RegExp, mark: RegExp])[] = [
  [/^[^]*?the host is not ready, nothing was changed:\n/, /^ {2}- /m],
  [/^[^]*?\d+ problems? in the settings, nothing was changed:\n/, /^(?=\S+: \S)/m],
];

/**
 * What a text that ends a command means; of a list each problem is a finding of its own. What nobody has thought of is
 * passed on as it was said.
 */
export function explain(text: string, otherwise: Omit<Finding, "seen">): Finding[] {
  for (const [head, mark] of LISTS)
    if (head.test(text))
      return text
        .replace(head, "")
        .split(mark)
        .map((one) => one.replace(/^ {4}/gm, "").trim())
        .filter(Boolean)
        .flatMap((one) => explain(one, otherwise));
  for (const [pattern, means, fix] of SAID) {
    const found = pattern.exec(text);
    if (found) return [{ seen: text, means, fix: typeof fix === "string" ? fix : fix(found) }];
  }
  return [{ seen: text, ...otherwise }];
}

/** What the gateway check ends with (check/, components/gateway/check/), of a stack whose containers are as they should be. */
const CHECKED: readonly (readonly [pattern: RegExp, means: string, fix?: string])[] = [
  [
    /does not know the key of client/,
    "somebody has deleted the key in LiteLLM, or its database is one from before the key was made: that client is refused",
  ],
  [
    /^Grafana \(container /,
    "its dashboards have no data, or nobody can log in; calls and models work as before",
    "docker logs --tail 50 of Grafana's container says what it tried; docs/grafana.md",
  ],
  [
    /does not reach its Postgres database/,
    "LiteLLM runs, and has no way to its database: calls fail",
    "docker logs --tail 50 of LiteLLM's container says what it tried",
  ],
  [
    /what must fail did not/,
    "something is open that has to be closed: do not use this gateway",
    "the lines say what was tried and what came back; npm run verify tries it again",
  ],
  [
    /fetch failed|ECONNREFUSED|ETIMEDOUT|gets no answer/,
    "this machine does not reach the gateway: a firewall is in between, or its address is another one",
    "curl -m 5 http://ADDRESS:PORT/health, here and on the host",
  ],
  [
    /called with the key of "[^"]*", (?:got no answer|answered)/,
    "the server lists its tools, and a call of the one that its server.yaml names as check fails",
    "the answer is the server's own: mostly a token, an address or a directory that it was given",
  ],
];

/** What it means that the gateway check has failed. */
export function explainCheck(message: string, up: string): Omit<Finding, "seen"> {
  const [, means = "clients meet the same", fix = `${up}, which repairs what differs`] =
    CHECKED.find(([pattern]) => pattern.test(message)) ?? [];
  return { means, fix };
}

/** The same, of an error that a command would end with; undefined where nobody has thought of it. */
export function explained(error: Error): Finding[] | undefined {
  const [found] = explain(wordsOf(error), {});
  return found?.means === undefined ? undefined : [found];
}

/** What `execa` and Pulumi's library put around the words of pulumi is of no use to anybody. */
const wordsOf = ({ message }: Error): string =>
  (/^error: [^]*?(?=\n err\?:|$)/m.exec(message)?.[0] ?? message).replace(/^error: /, "").trim();

/** As Pulumi's library begins, alone or in a step that has failed. */
const OF_LIBRARY = /(?:^|: )code: -?\d+\n stdout: /;

/** An error as a command ends with it: of Pulumi's library its words alone, and what they mean where that is known. */
export function shownError(error: Error): string {
  if (!OF_LIBRARY.test(error.message)) return error.message;
  const [known] = explained(error) ?? [];
  return known ? showFinding(known) : wordsOf(error);
}
