import * as pulumi from "@pulumi/pulumi";
import { containerOf, LOG_COLLECTOR, mcpServer } from "../components/resource-names.ts";
import type { Settings } from "../settings/settings.ts";
import { type LanGuardArgs, rulesOf } from "./lan-rules.ts";

/**
 * A resource breaks a rule of the LAN; the message names the resource, the property, the rule and what to do. It is a
 * RunError, which Pulumi shows without a stack, and once, however many other resources fail with it.
 */
export class LanGuardError extends pulumi.RunError {
  override readonly name = "LanGuardError";

  constructor(resource: string, findings: readonly string[], outcome: "nothing was changed" | "it is left as it is") {
    super(
      `LAN guard: ${resource} is not allowed, ${outcome}:\n${findings.map((finding) => `  - ${finding}`).join("\n")}`,
    );
    // Pulumi formats the stack it does not show, through every source map on the way: many seconds for nothing.
    this.stack = this.message;
  }
}

/**
 * Runs `program` under the rules of the LAN, which hold for every resource that it makes, whoever adds it: plain HTTP
 * on one private address, no proxy, no certificate, no way to the whole host. None is registered before all have been
 * judged: otherwise `up --skip-preview` would make those that come before the one that is refused.
 *
 * @throws LanGuardError, from the constructor of the resource. A value that is known later is judged when it is; then
 * others may have been made already.
 */
export function guardLan<T>({ lan, servers }: Pick<Settings, "lan" | "servers">, program: () => T): T {
  let open!: () => void;
  let refuse!: (error: unknown) => void;
  const judged = new Promise<void>((resolve, reject) => ([open, refuse] = [resolve, reject]));
  const withEngine = servers.filter(({ risks }) => risks.includes("docker-socket"));
  const judge = lanGuard({
    address: lan.address,
    mayHaveEngine: withEngine.map(({ name }) => containerOf(mcpServer(name))),
    mayReadLogs: [containerOf(LOG_COLLECTOR)],
  });
  // Not the newer registerResourceTransform, which comes too late: see docs/decisions.md.
  pulumi.runtime.registerStackTransformation((resource) => {
    const { props, opts } = judge(resource);
    return { props, opts: { ...opts, dependsOn: judged.then(() => opts.dependsOn ?? []) } as pulumi.ResourceOptions };
  });
  try {
    const made = program();
    open();
    return made;
  } catch (error) {
    refuse(error);
    throw error;
  }
}

/** The transformation itself, so that tests can call it. */
export const lanGuard =
  (args: LanGuardArgs) =>
  ({ type, name, props, opts }: pulumi.ResourceTransformationArgs): pulumi.ResourceTransformationResult => {
    const resource = `${type.split(":").at(-1)} "${name}"`;
    const refuse = (findings: readonly string[], outcome: "nothing was changed" | "it is left as it is") => {
      if (findings.length) throw new LanGuardError(resource, findings, outcome);
    };
    const rules = rulesOf(type);
    if (!rules) {
      const allowed = "this program makes containers, images, networks, volumes, databases, roles and keys on the host";
      throw new LanGuardError(resource, [`type ${type}: ${allowed}, and nothing else`], "nothing was changed");
    }
    const findings: string[] = [];
    const checkedLater: Record<string, pulumi.Output<unknown>> = {};
    for (const [property, rule] of Object.entries(rules)) {
      const value: unknown = (props as Record<string, unknown>)[property];
      if (!holdsOutput(value)) findings.push(...rule(value, { ...args, name }));
      else
        checkedLater[property] = (pulumi.output(value as pulumi.Input<string>) as pulumi.Output<unknown>).apply(
          (known) => {
            refuse(rule(known, { ...args, name }), "it is left as it is");
            return known;
          },
        );
    }
    refuse(findings, "nothing was changed");
    return { props: { ...props, ...checkedLater }, opts };
  };

function holdsOutput(value: unknown): boolean {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsOutput);
}
