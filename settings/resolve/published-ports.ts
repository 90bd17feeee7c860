import { type Context, type Parsed, stackPath } from "../context.ts";
import { LOOPBACK, type PublishedPort } from "../settings.ts";
import {
  daemonNames,
  grafanaContainer,
  lokiContainer,
  monitoringContainer,
  serverHost,
  serverNames,
} from "./daemon-names.ts";
import type { ServerFolder } from "../server-folders.ts";
import { entranceOf } from "./resolve-adapter.ts";
import { adminPort } from "./resolve-gateway.ts";

/** Every port that the stack's file publishes on the host, those of servers that are turned off included. */
export function publishedPorts(
  { lan, gateway, postgres, monitoring, servers, namePrefix = "" }: Parsed,
  folders: readonly Pick<ServerFolder, "name" | "definition">[],
): PublishedPort[] {
  const { containers } = daemonNames(namePrefix);
  // A wrong address has a problem of its own, and the ports are still worth a check.
  const onLan = lan?.address ?? "";
  const ports: PublishedPort[] = [];
  if (gateway)
    ports.push(
      {
        setting: stackPath("gateway", "port"),
        address: onLan,
        port: gateway.port,
        container: containers.ingress,
        formerContainer: containers.litellm,
      },
      // On the host itself people write localhost.
      ...(isLoopback(onLan)
        ? []
        : [
            {
              setting: stackPath("gateway", "port"),
              address: LOOPBACK,
              port: gateway.port,
              container: containers.ingress,
            },
          ]),
      {
        setting: stackPath("gateway", "adminPort"),
        address: LOOPBACK,
        port: adminPort(gateway),
        container: containers.litellm,
      },
    );
  if (postgres?.kind === "dedicated")
    ports.push({
      setting: stackPath("postgres", "port"),
      address: LOOPBACK,
      port: postgres.port,
      container: containers.postgres,
    });
  if (monitoring)
    ports.push({
      setting: stackPath("monitoring", "port"),
      address: LOOPBACK,
      port: monitoring.port,
      container: monitoringContainer(namePrefix),
    });
  if (monitoring?.logs.enabled && !monitoring.logs.loki)
    ports.push({
      setting: stackPath("monitoring", "logs", "port"),
      address: LOOPBACK,
      port: monitoring.logs.port,
      container: lokiContainer(namePrefix),
    });
  if (monitoring?.grafana)
    ports.push({
      setting: stackPath("monitoring", "grafana", "port"),
      address: LOOPBACK,
      port: monitoring.grafana.port,
      container: grafanaContainer(namePrefix),
    });
  for (const [name, { debugPort }] of Object.entries(servers ?? {})) {
    const definition = folders.find((folder) => folder.name === name)?.definition;
    if (debugPort !== undefined && definition)
      ports.push({
        setting: stackPath("servers", name, "debugPort"),
        address: onLan,
        port: debugPort,
        container: entranceOf(definition, serverNames(namePrefix, serverHost(name))),
      });
  }
  return ports;
}

const isLoopback = (address: string) => address.startsWith("127.");

/** Each port is published for one purpose. */
export function checkPorts(ports: readonly PublishedPort[], { stackFile, problems }: Context): void {
  const owners = new Map<number, string>();
  for (const { setting, port } of ports) {
    if (port > 65_535) problems.add(stackFile, setting, undefined, "a port, 1 to 65535: gateway.port + 1 is none");
    const owner = owners.get(port);
    if (owner && owner !== setting) problems.add(stackFile, setting, port, `another port: ${owner} has this one`);
    owners.set(port, owner ?? setting);
  }
}
