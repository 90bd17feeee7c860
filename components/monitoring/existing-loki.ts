import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ExistingLokiSettings, Settings } from "../../settings/settings.ts";
import { outgoingNetwork } from "../docker/networks.ts";
import { LinesArrive, type LokiTarget } from "./lines-arrive.ts";

export interface ExistingLokiArgs {
  readonly settings: Pick<Settings, "docker">;
  readonly loki: ExistingLokiSettings;
  /** A secret of the stack by name. */
  readonly secret: (name: string) => pulumi.Output<string>;
  readonly image: pulumi.Input<string>;
  readonly gatewayUrl: string;
}

/** A Loki that somebody else runs: the way of the collector to it, and whether it takes lines. Nothing of it is changed. */
export class ExistingLoki extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:monitoring:ExistingLoki";
  readonly target: LokiTarget;
  /** Made when Loki has taken a line: a collector drops what is refused, and so is not started before. */
  readonly takesLines: LinesArrive;

  constructor(name: string, args: ExistingLokiArgs, opts?: pulumi.ComponentResourceOptions) {
    super(ExistingLoki.TYPE, name, {}, opts);
    const { settings, loki, secret, image, gatewayUrl } = args;
    const { network, header, url } = loki;
    const joined =
      "joined" in network
        ? docker.getNetworkOutput({ name: network.joined }, { parent: this })
        : outgoingNetwork("log-collector-net", network.made, { parent: this });
    this.target = {
      url,
      network: joined.id,
      stack: pulumi.getStack(),
      header: header && { name: header.name, value: secret(header.secret) },
    };
    this.takesLines = new LinesArrive(
      `${name}-takes-lines`,
      { docker: settings.docker, loki: this.target, image, question: "takes", gatewayUrl },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
