import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { STACK_ID } from "./resource-names.ts";

/**
 * Label of every container, network and volume: `<project>/<stack>/<id>`. Only the id is compared; project and stack
 * are there for people.
 */
export const STACK_LABEL = "litellm-mcp.stack";
/** Label of a volume that outlives the stack; its value says which stack may use it again. */
export const KEPT_FOR_LABEL = "litellm-mcp.kept-for";

/** Who this stack is, as far as it is known before anything is deployed. */
export interface OwnIdentity {
  /** Random, in the state from the first `up` on; undefined in previews before. */
  readonly id: string | undefined;
  /** Follows from the stack's file, so that it is the same after a `destroy`, when the state is empty. */
  readonly keptFor: string;
}

export interface StackIdentity {
  readonly own: OwnIdentity;
  readonly label: pulumi.Output<string>;
}

/** Whether an Output has a value in a preview. Pulumi's own code asks it; the SDK's types leave it out. */
const isKnown = (output: pulumi.Output<unknown>) => (output as unknown as { isKnown: Promise<boolean> }).isKnown;

/**
 * Registers the stack's id, and waits for it. It is the first resource of all: what is labelled with it can only have
 * been made by a run that had this state.
 *
 * @param salt What makes the stack's file its own, see `readStack`.
 */
export async function stackIdentity(salt: string): Promise<StackIdentity> {
  const { result } = new random.RandomUuid(STACK_ID);
  const id = (await isKnown(result)) ? await new Promise<string>((resolve) => result.apply(resolve)) : undefined;
  const names = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()];
  const keptFor = createHash("sha256")
    .update(JSON.stringify([...names, salt]))
    .digest("hex")
    .slice(0, 32);
  return { own: { id, keptFor }, label: pulumi.interpolate`${pulumi.getProject()}/${pulumi.getStack()}/${result}` };
}

/** Labels everything that is made on the daemon from here on, whoever adds it. */
export function labelResources(identity: StackIdentity): void {
  pulumi.runtime.registerStackTransformation(labelling(identity));
}

/** The transformation itself, so that tests can call it. Why it is no resource transform: docs/decisions.md. */
export const labelling =
  ({ own, label }: StackIdentity): pulumi.ResourceTransformation =>
  ({ type, props, opts }) => {
    if (!/^docker:index\/(container|network|volume):/.test(type)) return undefined;
    const kept = (opts as pulumi.CustomResourceOptions).retainOnDelete
      ? [{ label: KEPT_FOR_LABEL, value: own.keptFor }]
      : [];
    const labels = [
      ...((props as { labels?: readonly unknown[] }).labels ?? []),
      { label: STACK_LABEL, value: label },
      ...kept,
    ];
    // Another label replaces the resource. Networks and volumes of earlier versions stay as they are, without the
    // label: to replace a volume is to lose its data.
    const stays = type.startsWith("docker:index/container:")
      ? opts
      : pulumi.mergeOptions(opts, { ignoreChanges: ["labels"] });
    return { props: { ...props, labels }, opts: stays };
  };
