import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { portsOf, projectLabel, serviceContainer, OLD_ONE_FIRST } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import type { Networks } from "../docker/networks.ts";
import { containerOf } from "../resource-names.ts";
import { AUDIT_FOLDER, INGRESS_HOST, LITELLM_URL } from "./addresses.ts";
import { ingressBuild } from "./ingress-image.ts";

/** As `ingress/main.ts` has them. */
export const INGRESS_PORT = 4000;
/** What is published on the host's loopback beside the LAN address. */
const LOOPBACK_PORT = 4002;
const STATE_FOLDER = "/var/lib/ingress";
/** Most of it is room for bodies, which the ingress limits for all requests together. */
const MEMORY_MIB = 512;

export interface IngressArgs {
  readonly settings: Pick<Settings, "docker" | "lan" | "names" | "publishedPorts" | "gateway" | "guard">;
  /** Key of LiteLLM that lists the tools of every server, for all clients; secret. */
  readonly listingKey: pulumi.Input<string>;
  readonly networks: Networks;
}

/**
 * The one container that clients reach: it lets through what is named, knows every client by its key and records every
 * call.
 */
export class Ingress extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:Ingress";
  /** Where it reads who may do what, in the container. */
  static readonly RIGHTS_FILE = `${STATE_FOLDER}/rights.json`;
  readonly container: docker.Container;
  /** The record of calls. */
  readonly audit: docker.Volume;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;
  /** Base URL on the LAN, without a trailing slash. */
  readonly url: string;

  constructor(name: string, { settings, listingKey, networks }: IngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Ingress.TYPE, name, {}, opts);
    const { docker: endpoint, lan, names, gateway, guard } = settings;
    const state = new docker.Volume(
      `${name}-state`,
      { name: names.volumes.ingressState, labels: [projectLabel] },
      { parent: this },
    );
    this.audit = new docker.Volume(
      `${name}-audit`,
      { name: names.volumes.ingressAudit, labels: [projectLabel] },
      // The record of what was called outlives every container, and the stack.
      { parent: this, retainOnDelete: true },
    );
    const image = daemonImage(name, settings.docker, ingressBuild(), { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      {
        ...serviceContainer({
          containerName: names.containers.ingress,
          image: image.imageId,
          env: {
            LITELLM_URL: LITELLM_URL,
            LITELLM_LISTING_KEY: listingKey,
            RIGHTS_FILE: Ingress.RIGHTS_FILE,
            AUDIT_FOLDER,
            AUDIT_DAYS: String(gateway.audit.days),
            AUDIT_MIB: String(gateway.audit.mib),
            AUDIT_RESULTS: String(gateway.audit.results),
            BODY_MIB: String(gateway.bodyMiB),
            ...(guard?.refused.length && { GUARD_REFUSED: guard.refused.join(",") }),
            ...(guard?.masked.length && { GUARD_MASKED: guard.masked.join(",") }),
            // It listens there alone, on the network that only LiteLLM and Prometheus share: on the other network this
            // port is closed.
            INNER_HOST: INGRESS_HOST,
          },
          networks: [
            { id: networks.ingress.id, aliases: [INGRESS_HOST] },
            { id: networks.lan.id, aliases: [] },
          ],
          ports: portsOf(settings, names.containers.ingress, INGRESS_PORT).map((port) =>
            port.ip === lan.address ? port : { ...port, internal: LOOPBACK_PORT },
          ),
          volumes: [
            { volumeName: state.name, containerPath: STATE_FOLDER },
            { volumeName: this.audit.name, containerPath: AUDIT_FOLDER },
          ],
          writableTmpMiB: 16,
          memoryMiB: MEMORY_MIB,
          health: {
            test: ["CMD", "node", "/app/healthcheck.mjs", `http://127.0.0.1:${INGRESS_PORT}/health`],
            intervalSeconds: 10,
            timeoutSeconds: 10,
            retries: 3,
            startPeriodSeconds: 30,
          },
        }),
        // Time for running requests to end.
        destroyGraceSeconds: 30,
      },
      { parent: this, ...OLD_ONE_FIRST },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: endpoint, container: this.container, withinSeconds: 60 },
      { parent: this },
    );
    this.url = `http://${lan.address}:${gateway.port}`;
    this.registerOutputs({ url: this.url });
  }
}
