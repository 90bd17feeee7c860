import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ContainerHealth } from "../docker/container-health.ts";
import { projectLabel, serviceContainer } from "../docker/container.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { ingressBuild } from "./ingress-image.ts";
import type { Networks } from "../docker/networks.ts";

/** As `ingress/main.ts` has them. */
const PORT = 4000;
const INNER_PORT = 4001;
const STATE_FOLDER = "/var/lib/ingress";
const AUDIT_FOLDER = "/var/lib/ingress-audit";

export interface IngressArgs {
  readonly namePrefix: string;
  /** Address and port on the host where clients reach the gateway. */
  readonly publish: { readonly ip: string; readonly port: number };
  /** LiteLLM as the ingress reaches it. */
  readonly litellmUrl: string;
  /** Key of LiteLLM that lists the tools of every server, for all clients; secret. */
  readonly listingKey: pulumi.Input<string>;
  readonly memoryMiB: number;
  /** Largest body of a request. */
  readonly bodyMiB: number;
  readonly audit: { readonly days: number; readonly mib: number; readonly results: boolean };
  readonly docker: DockerEndpoint;
  readonly networks: Networks;
}

/** The one container that clients reach: it lets through what is named, knows every client by its key and records every call. */
export class Ingress extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:Ingress";
  /** Name LiteLLM's launcher reaches it by. */
  static readonly HOST = "ingress";
  static readonly INNER_URL = `http://${Ingress.HOST}:${INNER_PORT}`;
  /** Where it reads who may do what, in the container. */
  static readonly RIGHTS_FILE = `${STATE_FOLDER}/rights.json`;
  readonly container: docker.Container;
  /** There when the container is healthy: what needs it depends on this. */
  readonly health: ContainerHealth;
  /** Base URL on the LAN, without a trailing slash. */
  readonly url: string;

  constructor(name: string, args: IngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Ingress.TYPE, name, {}, opts);
    const volume = (what: string, options: pulumi.CustomResourceOptions) =>
      new docker.Volume(
        `${name}-${what}`,
        { name: `${args.namePrefix}ingress-${what}`, labels: [projectLabel] },
        { parent: this, ...options },
      );
    const state = volume("state", {});
    // The record of what was called outlives every container, and the stack.
    const audit = volume("audit", { retainOnDelete: true });
    const image = new docker.RemoteImage(`${name}-image`, { ...ingressBuild(), keepLocally: true }, { parent: this });
    this.container = new docker.Container(
      `${name}-container`,
      {
        ...serviceContainer({
          containerName: `${args.namePrefix}ingress`,
          image: image.imageId,
          env: {
            LITELLM_URL: args.litellmUrl,
            LITELLM_LISTING_KEY: args.listingKey,
            RIGHTS_FILE: Ingress.RIGHTS_FILE,
            AUDIT_FOLDER,
            AUDIT_DAYS: String(args.audit.days),
            AUDIT_MIB: String(args.audit.mib),
            AUDIT_RESULTS: String(args.audit.results),
            BODY_MIB: String(args.bodyMiB),
            // Its own name on the network that only LiteLLM shares: on the other network nobody finds this port open.
            INNER_HOST: Ingress.HOST,
          },
          networks: [
            { id: args.networks.ingress.id, aliases: [Ingress.HOST] },
            { id: args.networks.lan.id, aliases: [] },
          ],
          ports: [{ ip: args.publish.ip, external: args.publish.port, internal: PORT }],
          volumes: [
            { volumeName: state.name, containerPath: STATE_FOLDER },
            { volumeName: audit.name, containerPath: AUDIT_FOLDER },
          ],
          writableTmpMiB: 16,
          memoryMiB: args.memoryMiB,
          health: {
            test: ["CMD", "node", "/app/ingress.mjs", "check"],
            intervalSeconds: 10,
            timeoutSeconds: 10,
            retries: 3,
            startPeriodSeconds: 30,
          },
        }),
        // Running requests end first.
        destroyGraceSeconds: 30,
      },
      { parent: this },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: args.docker, container: this.container, withinSeconds: 60 },
      { parent: this },
    );
    this.url = `http://${args.publish.ip}:${args.publish.port}`;
    this.registerOutputs({ url: this.url });
  }
}
