import path from "node:path";

/** What a server may be given only when its `server.yaml` declares it and the stack accepts it. */
export const RISKS = ["docker-socket"] as const;
export type Risk = (typeof RISKS)[number];

const SOCKETS = ["docker.sock", "containerd/containerd.sock", "podman/podman.sock", "crio/crio.sock"].flatMap((socket) => [
  `/run/${socket}`,
  `/var/run/${socket}`,
]);

/** Whether who has this directory or file of the server has its container engine, and with it the whole server. */
export function exposesEngine(hostPath: string): boolean {
  const bound = path.posix.normalize(hostPath).replace(/(?<=.)\/$/, "");
  return SOCKETS.some((socket) => socket === bound || socket.startsWith(bound === "/" ? bound : `${bound}/`));
}
