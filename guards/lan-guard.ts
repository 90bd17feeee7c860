import * as pulumi from "@pulumi/pulumi";
import { containerOf, mcpServer } from "../components/resource-names.ts";
import { exposesEngine, exposesSystem, isOffLanImage, isOffLanVariable } from "../settings/resolve/risks.ts";
import { LOOPBACK, type Settings } from "../settings/settings.ts";

/**
 * What a rule of the LAN found; the message says resource, property, rule and mend. A RunError, thrown as it is: Pulumi shows
 * it without a stack, and once, whatever else fails with it.
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

export interface LanGuardArgs {
  /** The one address that ports may be published on, beside the host's own loopback. */
  readonly address: string;
  /** Names of container resources that may have the Docker socket: declared by the server, accepted by the stack. */
  readonly mayHaveEngine: readonly string[];
}

/** A resource as far as the rules see it. */
interface Judged extends LanGuardArgs {
  readonly name: string;
}

/** Says what is wrong with one property's value; names what may be a secret, and never shows it. */
type Rule = (value: unknown, judged: Judged) => readonly string[];

/**
 * Runs `program` under the rules of the LAN, which hold for every resource that it makes, whoever adds it: plain HTTP on one
 * private address, no proxy, no certificate, no way to the whole server. None is registered before all have been judged:
 * otherwise `up --skip-preview` would make those that come before the one that is refused.
 *
 * @throws LanGuardError, from the constructor of the resource; for a value that is known later, when it is, and then others
 * may have been made already.
 */
export function guardLan<T>({ lan, servers }: Pick<Settings, "lan" | "servers">, program: () => T): T {
  let open!: () => void;
  let refuse!: (error: unknown) => void;
  const judged = new Promise<void>((resolve, reject) => ([open, refuse] = [resolve, reject]));
  const withEngine = servers.filter(({ risks }) => risks.includes("docker-socket"));
  const judge = lanGuard({
    address: lan.address,
    mayHaveEngine: withEngine.map(({ name }) => containerOf(mcpServer(name))),
  });
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

/** The transformation itself, apart for tests. */
export const lanGuard =
  (args: LanGuardArgs) =>
  ({ type, name, props, opts }: pulumi.ResourceTransformationArgs): pulumi.ResourceTransformationResult => {
    const resource = `${type.split(":").at(-1)} "${name}"`;
    const rules = rulesOf(type);
    if (!rules)
      throw new LanGuardError(
        resource,
        [
          `type ${type}: this program makes containers, images, networks, volumes, databases, roles and keys, and nothing outside the LAN's server`,
        ],
        "nothing was changed",
      );
    const findings: string[] = [];
    const checkedLater: Record<string, pulumi.Output<unknown>> = {};
    for (const [property, rule] of Object.entries(rules)) {
      const value: unknown = (props as Record<string, unknown>)[property];
      if (!holdsOutput(value)) findings.push(...rule(value, { ...args, name }));
      else
        checkedLater[property] = (pulumi.output(value as pulumi.Input<string>) as pulumi.Output<unknown>).apply(
          (known) => {
            const late = rule(known, { ...args, name });
            if (late.length) throw new LanGuardError(resource, late, "it is left as it is");
            return known;
          },
        );
    }
    if (findings.length) throw new LanGuardError(resource, findings, "nothing was changed");
    return { props: { ...props, ...checkedLater }, opts };
  };

function holdsOutput(value: unknown): boolean {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsOutput);
}

const FORBIDDEN_LABEL = /^(traefik|caddy|com\.github\.jrcs\.letsencrypt)([._]|$)/i;
const FORBIDDEN_WORD = /^--(ssl[_-]|tls|cert(ificate)?[_-]?file|acme|letsencrypt)/i;
/** What the containers of this program have: Postgres's entrypoint starts as root and becomes its own user. */
const ALLOWED_CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"];

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
const texts = (value: unknown) => items(value).filter((item) => typeof item === "string");

const notSet =
  (property: string, why: string): Rule =>
  (value) =>
    value === undefined || value === false || (Array.isArray(value) && !value.length)
      ? []
      : [`${property}: ${why}; leave it out`];

const image: Rule = (value) =>
  typeof value === "string" && isOffLanImage(value)
    ? [
        `image ${value}: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at its address and port`,
      ]
    : [];

const hostPath = (path: unknown, { name, mayHaveEngine }: Judged): readonly string[] => {
  if (typeof path !== "string" || !path.startsWith("/")) return [];
  if (exposesEngine(path) && !mayHaveEngine.includes(name))
    return [
      `mount of ${path}: whoever has it has the Docker daemon, and with it the server; bind a directory that the server needs, or declare the risk docker-socket in its server.yaml and accept it in the stack`,
    ];
  return exposesSystem(path)
    ? [`mount of ${path}: it is the server's own; bind a directory made for the container, such as one under /srv`]
    : [];
};

const HARDWARE = "no container needs hardware of the server";

const container: Readonly<Record<string, Rule>> = {
  image,
  ports: (value, { address }) =>
    items(value).flatMap((port) => {
      const ip = field(port, "ip");
      const where = typeof ip === "string" && ip !== "" ? ip : "every address of the server";
      return ip === address || ip === LOOPBACK
        ? []
        : [
            `port ${String(field(port, "external") ?? field(port, "internal"))} published on ${where}: publish it on ${address} (litellm-mcp:lan.address)`,
          ];
    }),
  publishAllPorts: notSet("publishAllPorts", "it publishes on every address of the server"),
  privileged: notSet("privileged", "it is root on the server"),
  devices: notSet("devices", HARDWARE),
  deviceRequests: notSet("deviceRequests", HARDWARE),
  deviceCgroupRules: notSet("deviceCgroupRules", HARDWARE),
  gpus: notSet("gpus", HARDWARE),
  networkMode: (value) =>
    value === undefined || value === "bridge"
      ? []
      : [`networkMode ${JSON.stringify(value)}: it goes round the networks; use networksAdvanced`],
  pidMode: notSet("pidMode", "it shows the processes of others"),
  ipcMode: notSet("ipcMode", "it shares memory with others"),
  usernsMode: notSet("usernsMode", "it may make root in the container root on the server"),
  dns: notSet("dns", "names come from Docker and the server's own resolver"),
  capabilities: (value) => {
    const unknown = texts(field(value, "adds")).filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
    return unknown.length
      ? [`capabilities ${unknown.join(", ")}: only ${ALLOWED_CAPABILITIES.join(", ")} may be added`]
      : [];
  },
  securityOpts: (value) =>
    texts(value)
      .filter((option) => option.endsWith("unconfined") || option.endsWith(":false") || option.endsWith("=false"))
      .map((option) => `securityOpts ${option}: it takes a protection away; leave it out`),
  // A volume's name that is a path is a path to Docker as well.
  volumes: (value, judged) =>
    items(value).flatMap((volume) => ["hostPath", "volumeName"].flatMap((key) => hostPath(field(volume, key), judged))),
  mounts: (value, judged) =>
    items(value).flatMap((mount) => [
      ...hostPath(field(mount, "source"), judged),
      ...boundBy(field(field(mount, "volumeOptions"), "driverOptions")),
    ]),
  envs: (value) =>
    texts(value)
      .map((assignment) => assignment.split("=", 1)[0] ?? "")
      .filter((variable) => isOffLanVariable(variable))
      .map((variable) => `variable ${variable}: plain HTTP only, no certificates, no proxy; leave it out`),
  labels: (value) =>
    items(value)
      .map((label) => String(field(label, "label")))
      .filter((label) => FORBIDDEN_LABEL.test(label))
      .map((label) => `label ${label}: it is for a reverse proxy; leave it out`),
  command: (value) => commandRule("command", value),
  entrypoints: (value) => commandRule("entrypoints", value),
};

const commandRule = (property: string, value: unknown) =>
  texts(value)
    .filter((word) => FORBIDDEN_WORD.test(word))
    .map((word) => `${property} ${word.split("=", 1)[0]}: plain HTTP only, no certificates; leave it out`);

/** A volume of the driver `local` with a device is a mount of whatever the device is. */
const boundBy = (driverOptions: unknown) =>
  field(driverOptions, "device") === undefined
    ? []
    : ["device of a volume's driver: it is a mount in disguise; leave it out"];

const network: Readonly<Record<string, Rule>> = {
  driver: (value) =>
    value === undefined || value === "bridge"
      ? []
      : [`driver ${JSON.stringify(value)}: it puts containers on the LAN itself; use bridge and publish a port`],
};

/** Rules by type of resource; of these packages no others may be made. */
const RULES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  "docker:index/container:Container": container,
  "docker:index/remoteImage:RemoteImage": {
    name: image,
    build: (value, judged) => items(field(value, "tags")).flatMap((tag) => image(tag, judged)),
  },
  "docker:index/network:Network": network,
  "docker:index/volume:Volume": { driverOpts: boundBy },
  "pulumi:providers:docker": {},
  "pulumi:providers:postgresql": {},
};

function rulesOf(type: string): Readonly<Record<string, Rule>> | undefined {
  if (Object.hasOwn(RULES, type)) return RULES[type];
  return /^(litellm|random|postgresql|pulumi-nodejs):|^pulumi:pulumi:Stack$/.test(type) ? {} : undefined;
}
