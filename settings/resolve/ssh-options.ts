import { homedir } from "node:os";

export interface SshSettings {
  readonly knownHosts?: string | undefined;
  readonly identity?: string | undefined;
  readonly sshOptions: readonly string[];
}

/** Whether a value of `docker.host` is reached over ssh. */
export const isSshHost = (host: string) => host.startsWith("ssh://");

/** Replaces `~/` at the beginning by the home directory of the user who runs this. */
export const expandHome = (file: string) => file.replace(/^~(?=\/)/, homedir());

/**
 * Options of `ssh` for a daemon on another host. ssh asks nothing, since nobody is there to answer; the host's key must
 * be known; and when the host goes away the connection ends after 45 s, since `up` would hang otherwise.
 */
export function sshOptions({ knownHosts, identity, sshOptions }: SshSettings): string[] {
  const option = (name: string, value: string) => ["-o", `${name}=${value}`];
  return [
    ...option("BatchMode", "yes"),
    ...option("StrictHostKeyChecking", "yes"),
    ...(knownHosts ? option("UserKnownHostsFile", expandHome(knownHosts)) : []),
    ...(identity ? [...option("IdentityFile", expandHome(identity)), ...option("IdentitiesOnly", "yes")] : []),
    ...option("ConnectTimeout", "10"),
    ...option("ServerAliveInterval", "15"),
    ...option("ServerAliveCountMax", "3"),
    ...sshOptions,
  ];
}
