/** What ssh, the remote shell or the socket said, as what the user can do about it. */
export function explainDocker(host: string, said: string): string {
  const cause =
    causes(new URL(host)).find(([pattern]) => pattern.test(said))?.[1] ?? `Docker at ${host} cannot be used`;
  return `litellm-mcp:docker.host ${host}: ${cause}\n(${said.trim().split("\n").slice(-3).join(" ")})`;
}

/** What may be said, with its cause and the way out; the first that matches counts. */
function causes({ protocol, hostname, port, username, pathname }: URL): readonly (readonly [RegExp, string])[] {
  const where = protocol === "ssh:" ? `${hostname}${port ? `:${port}` : ""}` : pathname;
  const fingerprint = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub";
  const keyscan = `ssh-keyscan ${port ? `-p ${port} ` : ""}${hostname} >> ~/.ssh/known_hosts`;
  return [
    [
      /Host key verification failed/,
      `the SSH host key of ${where} is not known. Compare its fingerprint on the host (${fingerprint}), then: ${keyscan}`,
    ],
    [
      /REMOTE HOST IDENTIFICATION HAS CHANGED/,
      `the SSH host key of ${where} is not the one in known_hosts. If the host was really installed again: ` +
        `ssh-keygen -R '${hostname}'`,
    ],
    [
      /Permission denied \(/,
      `${where} refuses the SSH login of "${username || "this user"}". Put your public key there: ` +
        `ssh-copy-id ${username}@${hostname}`,
    ],
    [
      /Could not resolve hostname/,
      `the name ${hostname} is not known here. Use an IP address in litellm-mcp:docker.host, or add the name to /etc/hosts`,
    ],
    [
      /Connection refused|Connection timed out|No route to host|aborted/,
      `${where} does not answer. Is the host on, sshd running and the port right?`,
    ],
    [
      /docker: (command )?not found|docker: No such file/,
      `there is no docker command on ${where}. Install Docker there (Debian: sudo apt-get install docker.io)`,
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
