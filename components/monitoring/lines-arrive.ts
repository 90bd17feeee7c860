import * as pulumi from "@pulumi/pulumi";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { moduleProvider } from "../docker/module-provider.ts";

/** A Loki, as the collector reaches it. */
export interface LokiTarget {
  /** Without a / at the end. */
  readonly url: string;
  /** The network of the collector, by which it reaches Loki. */
  readonly network: pulumi.Input<string>;
  /** The stack, where others may write to the same Loki; undefined: there are none. */
  readonly stack: string | undefined;
  /** What it asks for; the value is secret. */
  readonly header: { readonly name: string; readonly value: pulumi.Input<string> } | undefined;
}

export interface LinesArriveArgs {
  readonly docker: DockerEndpoint;
  readonly loki: LokiTarget;
  /** An image with Node that is on the host already. */
  readonly image: pulumi.Input<string>;
  /** `takes`: whether Loki takes a line; `has`: whether the collector brings it what is written now. */
  readonly question: "takes" | "has";
  /** Base URL of the gateway, as this machine reaches it: whoever comes there with a wrong key makes a line. */
  readonly gatewayUrl: string;
  /** The collector; another one is asked again. */
  readonly collector?: { readonly name: pulumi.Input<string>; readonly id: pulumi.Input<string> };
}

/** Inputs of the `LinesArrive` resource. */
export interface LinesArriveInputs extends Pick<LinesArriveArgs, "docker" | "question" | "gatewayUrl"> {
  readonly url: string;
  readonly network: string;
  readonly stack: string | null;
  readonly header: { readonly name: string; readonly value: string } | null;
  readonly image: string;
  readonly collector: { readonly name: string; readonly id: string } | null;
}

/** Fails `pulumi up` when Loki does not take lines, or does not have them, and says which setting is about that. */
export class LinesArrive extends pulumi.dynamic.Resource {
  constructor(name: string, args: LinesArriveArgs, opts?: pulumi.CustomResourceOptions) {
    const { docker, loki, image, question, gatewayUrl, collector } = args;
    super(
      moduleProvider("./components/monitoring/lines-arrive.provider.ts", ["create", "update"]),
      name,
      {
        ...{ docker, image, question, gatewayUrl, url: loki.url, network: loki.network },
        stack: loki.stack ?? null,
        header: loki.header ? pulumi.secret(loki.header) : null,
        collector: collector ? { name: collector.name, id: collector.id } : null,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["header"] }),
    );
  }
}
