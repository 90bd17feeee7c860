/** What ssh, the remote shell or the socket said, as what the user can do about it. */
export function explainDocker(host: string, said: string): string {
  const cause =
    causes(new URL(host), said).find(([pattern]) => pattern.test(said))?.[1] ?? `Docker at ${host} cannot be used`;
  return `litellm-mcp:docker.host ${host}: ${cause}\n(${said.trim().split("\n").slice(-3).join(" ")})`;
}

/** What may be said, with its cause and the way out; the first that matches counts. */
function causes(
  { protocol, hostname, port, username, pathname }: URL,
  said: string,
): readonly (readonly [RegExp, string])[] {
  const where = protocol === "ssh:" ? `${hostname}${port ? `:${port}` : ""}` : pathname;
  const fingerprint = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub";
  const keyscan = `ssh-keyscan ${port ? `-p ${port} ` : ""}${hostname} >> ~/.ssh/known_hosts`;
  // ssh names the file as well, which may be one of the settings.
  const forget =
    /ssh-keygen -f "[^"]*" -R "[^"]*"/.exec(said)?.[0] ??
    `ssh-keygen -R '${port ? `[${hostname}]:${port}` : hostname}'`;
  return [
    [
      // Before the next one: ssh says both of a key that has changed.
      /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for \S+ has changed/,
      `the SSH host key of ${where} is not the one in known_hosts. If the host was really installed again: ${forget}`,
    ],
    [
      /Host key verification failed/,
      `the SSH host key of ${where} is not known. Compare its fingerprint on the host (${fingerprint}), then: ${keyscan}`,
    ],
    [
      /UNPROTECTED PRIVATE KEY FILE|bad permissions/,
      `ssh does not use a private key that others can read. Keep it to yourself: chmod 600 ${/Load key "([^"]*)"/.exec(said)?.[1] ?? "~/.ssh/id_ed25519"}`,
    ],
    [
      /Identity file \S+ not accessible/,
      `there is no private key ${/Identity file (\S+) not accessible/.exec(said)?.[1]}. Write the file that there is at litellm-mcp:docker.identity`,
    ],
    [
      /Permission denied \(/,
      `${where} refuses the SSH login of "${username || "this user"}". Put your public key there: ` +
        `ssh-copy-id ${port ? `-p ${port} ` : ""}${username}@${hostname}`,
    ],
    [
      /Could not resolve hostname/,
      `the name ${hostname} is not known here. Use an IP address in litellm-mcp:docker.host, or add the name to /etc/hosts`,
    ],
    [
      /kex_exchange_identification|Connection (reset|closed) by/,
      `sshd on ${where} ends connections before the login. Are there too many at once (MaxStartups in its sshd_config), or has ` +
        `something there, such as fail2ban, shut this machine out? On the host: sudo journalctl -u ssh --since -10min`,
    ],
    [
      /Connection refused|timed out|No route to host|Network is unreachable|aborted/,
      `${where} does not answer. Is the host on, sshd running and the port right?`,
    ],
    [
      /docker: (command )?not found|docker: No such file/,
      `there is no docker command on ${where}. Install Docker there (Debian: sudo apt-get install docker.io)`,
    ],
    [
      /is not a docker command|unknown command.*dial-stdio/i,
      `the docker command on ${where} is too old to be reached over ssh. Install Docker 20.10 or newer there`,
    ],
    [
      /permission denied.*docker|EACCES/is,
      `no permission to use Docker on ${where}. On that host: sudo usermod -aG docker ${username || "$USER"}, ` +
        "then log in again",
    ],
    [
      /Cannot connect to the Docker daemon|ENOENT|ECONNREFUSED/,
      `no Docker daemon answers at ${where}. Start it: sudo systemctl start docker`,
    ],
  ];
}

/** The first versions of each line in which CVE-2024-29018 is fixed; line 24 has none. */
const FIXED = [
  [23, 0, 11],
  [25, 0, 5],
  [26, 0, 0],
] as const;

/** What is wrong with a Docker engine of this version; undefined when nothing is known. */
export function engineWarning(version: string): string | undefined {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!numbers) return undefined;
  const [major = 0, minor = 0, patch = 0] = numbers;
  const isFixed =
    major > 26 ||
    FIXED.some((line) => major === line[0] && (minor > line[1] || (minor === line[1] && patch >= line[2])));
  if (isFixed) return undefined;
  return (
    `Docker ${version} on the host is older than 23.0.11, 25.0.5 and 26.0: by its own number it has CVE-2024-29018, with ` +
    "which a container on an internal network reaches DNS servers outside, and so can send out what it knows. The " +
    "distribution may have patched it; otherwise install a newer Docker."
  );
}
