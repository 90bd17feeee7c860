import { homedir } from "node:os";

export interface SshSettings {
  readonly knownHosts?: string | undefined;
  readonly identity?: string | undefined;
  readonly sshOptions: readonly string[];
}

/** `~/` at the beginning as the home directory of who runs this. */
export const expandHome = (file: string) => file.replace(/^~(?=\/)/, homedir());

/**
 * Options of `ssh` for a daemon on another machine. Nothing may ask (there is nobody to answer), the host key must be
 * known, and a server that went away ends the connection after 45 s instead of hanging `up`.
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
