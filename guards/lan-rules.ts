import { LOOPBACK } from "../settings/settings.ts";
import { exposesEngine, exposesSystem, isOffLanImage, isOffLanVariable } from "../settings/resolve/risks.ts";

export interface LanGuardArgs {
  /** The one address that ports may be published on, beside the host's own loopback. */
  readonly address: string;
  /** Names of container resources that may have the Docker socket: declared by the server, accepted by the stack. */
  readonly mayHaveEngine: readonly string[];
  /** Names of container resources that may read the folders in which Docker keeps a container's log. */
  readonly mayReadLogs: readonly string[];
}

/** What the rules know of the resource that they judge. */
interface Judged extends LanGuardArgs {
  /** The resource's name. */
  readonly name: string;
}

/** Says what is wrong with one property's value. A finding names what may be a secret, and never shows its value. */
export type Rule = (value: unknown, judged: Judged) => readonly string[];

/** Rules by the property that they judge. */
type Rules = Readonly<Record<string, Rule>>;

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
        `image ${value}: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at ` +
          "its address and port",
      ]
    : [];

const hostPath = (path: unknown, { name, mayHaveEngine }: Judged): readonly string[] => {
  if (typeof path !== "string" || !path.startsWith("/")) return [];
  if (exposesEngine(path) && !mayHaveEngine.includes(name))
    return [
      `mount of ${path}: whoever has it has the Docker daemon, and with it the host; bind a directory that the container ` +
        "needs, or declare the risk docker-socket in the server.yaml and accept it in the stack",
    ];
  return exposesSystem(path)
    ? [`mount of ${path}: it is the host's own; bind a directory made for the container, such as one under /srv`]
    : [];
};

/** The folder of one container, which holds its variables as well: to be read only, and by what the stack reads logs with. */
const isLogFolder = (volume: unknown, { name, mayReadLogs }: Judged): boolean =>
  mayReadLogs.includes(name) &&
  field(volume, "readOnly") === true &&
  /^(\/[\w.-]+)+\/containers\/[0-9a-f]{64}$/.test(String(field(volume, "hostPath")));

/** A published port is on the one address of the LAN or on the host's loopback. */
const port = (value: unknown, address: string): readonly string[] => {
  const ip = field(value, "ip");
  if (ip === address || ip === LOOPBACK) return [];
  const where = typeof ip === "string" && ip !== "" ? ip : "every address of the host";
  const number = String(field(value, "external") ?? field(value, "internal"));
  return [`port ${number} published on ${where}: publish it on ${address} (litellm-mcp:lan.address)`];
};

const words =
  (property: string): Rule =>
  (value) =>
    texts(value)
      .filter((word) => FORBIDDEN_WORD.test(word))
      .map((word) => `${property} ${word.split("=", 1)[0]}: plain HTTP only, no certificates; leave it out`);

/** A volume of the driver `local` with a device is a mount of whatever the device is. */
const boundBy: Rule = (driverOptions) =>
  field(driverOptions, "device") === undefined
    ? []
    : ["device of a volume's driver: it mounts whatever the device is; leave it out"];

const HARDWARE = "no container needs hardware of the host";

const container: Rules = {
  image,
  ports: (value, { address }) => items(value).flatMap((published) => port(published, address)),
  publishAllPorts: notSet("publishAllPorts", "it publishes on every address of the host"),
  privileged: notSet("privileged", "it is root on the host"),
  devices: notSet("devices", HARDWARE),
  deviceRequests: notSet("deviceRequests", HARDWARE),
  deviceCgroupRules: notSet("deviceCgroupRules", HARDWARE),
  gpus: notSet("gpus", HARDWARE),
  networkMode: (value) =>
    value === undefined || value === "bridge"
      ? []
      : [`networkMode ${JSON.stringify(value)}: it bypasses the networks; use networksAdvanced`],
  pidMode: notSet("pidMode", "it shows the processes of others"),
  ipcMode: notSet("ipcMode", "it shares memory with others"),
  usernsMode: notSet("usernsMode", "it may make root in the container root on the host"),
  dns: notSet("dns", "names come from Docker and the host's own resolver"),
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
  // Docker takes a volume's name that is a path for the path.
  volumes: (value, judged) =>
    items(value)
      .filter((volume) => !isLogFolder(volume, judged))
      .flatMap((volume) => ["hostPath", "volumeName"].flatMap((key) => hostPath(field(volume, key), judged))),
  mounts: (value, judged) =>
    items(value).flatMap((mount) => [
      ...hostPath(field(mount, "source"), judged),
      ...boundBy(field(field(mount, "volumeOptions"), "driverOptions"), judged),
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
  command: words("command"),
  entrypoints: words("entrypoints"),
};

const network: Rules = {
  driver: (value) =>
    value === undefined || value === "bridge"
      ? []
      : [`driver ${JSON.stringify(value)}: it puts containers on the LAN itself; use bridge and publish a port`],
};

/** Rules by type of resource. Of these packages, no other type may be made. */
const RULES: Readonly<Record<string, Rules>> = {
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

/** The rules of a type; undefined for a type that this program must not make. */
export function rulesOf(type: string): Rules | undefined {
  if (Object.hasOwn(RULES, type)) return RULES[type];
  return /^(litellm|random|postgresql|pulumi-nodejs):|^pulumi:pulumi:Stack$/.test(type) ? {} : undefined;
}
