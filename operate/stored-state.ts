import { PASSWORD_TYPE, STACK_TYPE } from "../components/resource-names.ts";
import { mapValues } from "../lib/map-values.ts";

/** A state as `pulumi stack export --show-secrets` has it; only what is read here. */
export interface StoredState {
  readonly resources?: readonly StoredResource[];
  readonly pending_operations?: readonly { readonly type: string; readonly resource: StoredResource }[];
}

export interface StoredResource {
  readonly urn: string;
  readonly type: string;
  /** Given by who made it: Docker's id of a container or network. */
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Replaced, and not deleted yet. */
  readonly delete?: boolean;
  /** Stays on the daemon when it is taken out of the stack. */
  readonly retainOnDelete?: boolean;
  /** Nobody destroys it. */
  readonly protect?: boolean;
  /** URN of what it is part of. */
  readonly parent?: string;
  /** URN and id of the provider that made it. */
  readonly provider?: string;
}

/** A password that the program has made up. A client's key is `sk-` and such a password. */
export interface Password {
  readonly urn: string;
  readonly name: string;
  readonly value: string;
}

/** All resources but those that an interrupted `up` has left to be deleted. */
export const currentOf = ({ resources = [] }: StoredState): StoredResource[] =>
  resources.filter((resource) => !resource.delete);

/** Inputs of the resources whose URNs are wanted, secrets in plain text. */
export const inputsOf = (
  resources: readonly StoredResource[],
  wanted: (urn: string) => boolean,
): Record<string, unknown>[] => resources.filter(({ urn }) => wanted(urn)).map(decryptedInputs);

/** What a resource was made with, secrets in plain text. */
export const decryptedInputs = ({ inputs = {} }: StoredResource): Record<string, unknown> =>
  mapValues(inputs, decrypted);

/**
 * What the program has told at its end, or before it failed; secrets in plain text. `pulumi stack output` tells the same, and has to
 * be run twice for it.
 */
export const outputsOf = (resources: readonly StoredResource[]): Record<string, unknown> =>
  mapValues(resources.find(({ type }) => type === STACK_TYPE)?.outputs ?? {}, decrypted);

/** The passwords that the program has made up, by the names of their resources. */
export const passwordsOf = (resources: readonly StoredResource[]): Password[] =>
  resources
    .filter(({ type }) => type === PASSWORD_TYPE)
    .map(({ urn, outputs = {} }) => ({
      urn,
      name: urn.split("::").at(-1)!,
      value: decrypted(outputs["result"]) as string,
    }));

/** An exported secret is a map with its JSON text under `plaintext`. */
const decrypted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "plaintext" in value ? JSON.parse(String(value.plaintext)) : value;
