import type { ClientKeyProps } from "../components/gateway/client-key.ts";
import type { IngressRightsInputs } from "../components/gateway/ingress-rights.ts";
import { CLIENT_KEY_TYPE, DYNAMIC_TYPE, INGRESS_RIGHTS } from "../components/resource-names.ts";
import type { ClientRights, Rights } from "../ingress/rights.ts";
import { inputsOf, type StoredResource } from "./stored-state.ts";

/** A client as the ingress knows it, and its key in plain text. */
export interface ClientOnRecord {
  readonly key: string;
  readonly rights: ClientRights;
}

/** Where the gateway is, and who may do what there. */
export interface RightsOnRecord {
  readonly gatewayUrl: string;
  readonly clients: readonly ClientOnRecord[];
}

/** Undefined while the ingress was told of nobody. */
export function readRights(resources: readonly StoredResource[]): RightsOnRecord | undefined {
  const [found] = inputsOf(resources, (urn) => urn.endsWith(`::${INGRESS_RIGHTS}`));
  if (!found) return undefined;
  const { gatewayUrl, rights } = found as unknown as IngressRightsInputs;
  const keys = inputsOf(resources, (urn) => urn.includes(`${CLIENT_KEY_TYPE}$${DYNAMIC_TYPE}::`));
  const keyOf = (client: string) => (keys as unknown as ClientKeyProps[]).find(({ alias }) => alias === client)?.key;
  const clients = (JSON.parse(rights) as Rights).clients.flatMap((client) => {
    const key = keyOf(client.name);
    return key === undefined ? [] : [{ key, rights: client }];
  });
  return { gatewayUrl, clients };
}
