import net from "node:net";
import type Docker from "dockerode";
import { type DockerEndpoint, isSsh, listensOverSsh, SshForwardingError } from "../components/docker/ssh-connection.ts";
import { LOOPBACK, type PublishedPort } from "../settings/settings.ts";

const CONNECT_TIMEOUT_MS = 2_000;
/** Over ssh the login comes first. */
const SSH_TIMEOUT_MS = 15_000;

/** Addresses that a port is published on when it is published everywhere. */
const EVERYWHERE = ["", "0.0.0.0", "::"];

/**
 * Why a port cannot be published; undefined when it is free, or has been published by the stack itself.
 *
 * @param containers Every container on the daemon.
 */
export async function portProblem(
  docker: DockerEndpoint,
  { setting, address, port, container, formerContainer }: PublishedPort,
  containers: readonly Docker.ContainerInfo[],
): Promise<string | undefined> {
  const holders = containers.filter(
    (info) =>
      info.State === "running" &&
      info.Ports.some(({ PublicPort, IP = "" }) => PublicPort === port && [...EVERYWHERE, address].includes(IP)),
  );
  // The stack's own container is replaced before the port is published again.
  const isOurs = ({ Names }: Docker.ContainerInfo) =>
    [container, formerContainer].some((name) => Names.includes(`/${name}`));
  if (holders.some(isOurs)) return undefined;
  const takenBy = (holder: string) =>
    `port ${port} on ${address} is taken by ${holder}. Free it, or write another port at ${setting}`;
  const holder = holders[0];
  if (holder) return takenBy(`container ${holder.Names[0]?.slice(1)}`);
  try {
    return (await listens(docker, address, port)) ? takenBy("another program") : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Addresses in the LAN are reached from here. The loopback of a host over ssh is reached only from there. */
async function listens(docker: DockerEndpoint, address: string, port: number): Promise<boolean> {
  if (address !== LOOPBACK || !isSsh(docker)) return accepts(address, port);
  return listensOverSsh(docker, port, SSH_TIMEOUT_MS).catch((error: Error) => {
    const { hostname } = new URL(docker.host);
    throw new Error(
      error instanceof SshForwardingError
        ? `sshd on ${hostname} lets nobody connect to a port of the host, which is how Postgres and LiteLLM's admin API are ` +
            "reached. In its sshd_config: AllowTcpForwarding yes, and no PermitOpen that leaves out 127.0.0.1"
        : `port ${port} on ${address} of ${hostname} cannot be checked by ssh: ${error.message}`,
    );
  });
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket
      .on("connect", () => answer(true))
      .on("timeout", () => answer(false))
      .on("error", () => answer(false));
  });
}
