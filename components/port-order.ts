import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/settings.ts";
import { connectDocker } from "./docker-connection.ts";

interface Port {
  readonly external: number;
  readonly internal: number;
}

/**
 * LiteLLM's one port is published twice, and Docker gives such a pair back in the opposite order, whichever was asked for; the provider takes
 * another order for a change and would replace LiteLLM at every `up`. So the program says them as the daemon has them. To be taken out
 * when the port is published once.
 */
export async function keepPortOrder({ docker, namePrefix }: Pick<Settings, "docker" | "namePrefix">): Promise<void> {
  const { NetworkSettings } = await connectDocker(docker)
    .getContainer(`${namePrefix}litellm`)
    .inspect()
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode === 404) return { NetworkSettings: { Ports: {} } };
      throw error;
    });
  const bindings = Object.values(NetworkSettings.Ports as Record<string, { HostPort: string }[] | null>).flatMap((ports) => ports ?? []);
  const order = bindings.map(({ HostPort }) => Number(HostPort));
  pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) =>
    type === "docker:index/container:Container" && name === "litellm-container" ? { props: { ...props, ports: inOrder((props as { ports: Port[] }).ports, order) }, opts } : undefined,
  );
}

/** Ports in the order given; those that are not in it, first. */
export const inOrder = <P extends Port>(ports: readonly P[], order: readonly number[]): P[] =>
  [...ports].sort((a, b) => a.internal - b.internal || order.indexOf(a.external) - order.indexOf(b.external));
