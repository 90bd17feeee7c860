import * as pulumi from "@pulumi/pulumi";
import { exposesEngine } from "../settings/risks.ts";

/** What a rule of the LAN found; the message says resource, property, rule and mend. */
export class LanGuardError extends Error {
  override readonly name = "LanGuardError";

  constructor(resource: string, findings: readonly string[]) {
    super(`LAN guard: ${resource} is not allowed, nothing was changed:\n${findings.map((finding) => `  - ${finding}`).join("\n")}`);
  }
}

export interface LanGuardArgs {
  /** The one address that ports may be published on. */
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
 * The rules of the LAN, for every resource that the program registers after this, whoever adds it: plain HTTP on one private
 * address, no proxy, no certificate, no way to the whole server.
 *
 * @throws LanGuardError, from the constructor of the resource; for a value that is known later, when it is.
 */
export function guardLan(args: LanGuardArgs): void {
  pulumi.runtime.registerStackTransformation(lanGuard(args));
}

/** The transformation itself, apart for tests. */
export const lanGuard =
  (args: LanGuardArgs): pulumi.ResourceTransformation =>
  ({ type, name, props, opts }) => {
    const resource = `${type.split(":").at(-1)} "${name}"`;
    const rules = rulesOf(type);
    if (!rules)
      throw new LanGuardError(resource, [`type ${type}: this program makes containers, images, networks, volumes, databases, roles and keys, and nothing outside the LAN's server`]);
    const findings: string[] = [];
    const checkedLater: Record<string, pulumi.Output<unknown>> = {};
    for (const [property, rule] of Object.entries(rules)) {
      const value: unknown = (props as Record<string, unknown>)[property];
      if (!holdsOutput(value)) findings.push(...rule(value, { ...args, name }));
      else
        checkedLater[property] = (pulumi.output(value as pulumi.Input<string>) as pulumi.Output<unknown>).apply((known) => {
          const late = rule(known, { ...args, name });
          if (late.length) throw new LanGuardError(resource, late);
          return known;
        });
    }
    if (findings.length) throw new LanGuardError(resource, findings);
    return { props: { ...props, ...checkedLater }, opts };
  };

function holdsOutput(value: unknown): boolean {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsOutput);
}

/** Proxies, identity providers and tunnels: what takes the gateway off the LAN or needs names and certificates outside it. */
const FORBIDDEN_IMAGE =
  /(^|[/_-])(traefik|keycloak|caddy|nginx-proxy(-manager)?|certbot|acme(-companion|\.sh)?|letsencrypt|cloudflared|ngrok|tailscale|swag|authelia|authentik|oauth2-proxy|ddns|duckdns)([:@/_-]|$)/i;
const FORBIDDEN_VARIABLE = /^(SSL_KEYFILE_PATH|SSL_CERTFILE_PATH|LETSENCRYPT_\w*|ACME_\w*|VIRTUAL_HOST|VIRTUAL_PORT|TRAEFIK_\w*|KEYCLOAK_\w*|KC_\w*|DUCKDNS_\w*|CLOUDFLARE_\w*|CF_\w*)$/i;
const FORBIDDEN_LABEL = /^(traefik|caddy|com\.github\.jrcs\.letsencrypt)([._]|$)/i;
const FORBIDDEN_WORD = /^--(ssl[_-]|tls|cert(ificate)?[_-]?file|acme|letsencrypt)/i;
/** What the containers of this program have: Postgres's entrypoint starts as root and becomes its own user. */
const ALLOWED_CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"];

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const field = (value: unknown, key: string): unknown => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined);
const texts = (value: unknown) => items(value).filter((item) => typeof item === "string");

const notSet =
  (property: string, why: string): Rule =>
  (value) =>
    value === undefined || value === false || (Array.isArray(value) && !value.length) ? [] : [`${property}: ${why}; leave it out`];

const image: Rule = (value) =>
  typeof value === "string" && FORBIDDEN_IMAGE.test(value)
    ? [`image ${value}: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at its address and port`]
    : [];

const hostPath = (path: unknown, { name, mayHaveEngine }: Judged): readonly string[] =>
  typeof path === "string" && exposesEngine(path) && !mayHaveEngine.includes(name)
    ? [`mount of ${path}: whoever has it has the Docker daemon, and with it the server; bind a directory that the server needs, or declare the risk docker-socket in its server.yaml and accept it in the stack`]
    : [];

const container: Readonly<Record<string, Rule>> = {
  image,
  ports: (value, { address }) =>
    items(value).flatMap((port) => {
      const ip = field(port, "ip");
      const where = typeof ip === "string" && ip !== "" ? ip : "every address of the server";
      return ip === address ? [] : [`port ${String(field(port, "external") ?? field(port, "internal"))} published on ${where}: publish it on ${address} (litellm-mcp:lan.address)`];
    }),
  publishAllPorts: notSet("publishAllPorts", "it publishes on every address of the server"),
  privileged: notSet("privileged", "it is root on the server"),
  devices: notSet("devices", "no container needs hardware of the server"),
  networkMode: (value) =>
    value === undefined || value === "bridge" ? [] : [`networkMode ${JSON.stringify(value)}: it goes round the networks; use networksAdvanced`],
  pidMode: notSet("pidMode", "it shows the processes of others"),
  ipcMode: notSet("ipcMode", "it shares memory with others"),
  usernsMode: notSet("usernsMode", "it may make root in the container root on the server"),
  dns: notSet("dns", "names come from Docker and the server's own resolver"),
  capabilities: (value) => {
    const unknown = texts(field(value, "adds")).filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
    return unknown.length ? [`capabilities ${unknown.join(", ")}: only ${ALLOWED_CAPABILITIES.join(", ")} may be added`] : [];
  },
  securityOpts: (value) =>
    texts(value)
      .filter((option) => option.endsWith("unconfined") || option.endsWith(":false") || option.endsWith("=false"))
      .map((option) => `securityOpts ${option}: it takes a protection away; leave it out`),
  volumes: (value, judged) => items(value).flatMap((volume) => hostPath(field(volume, "hostPath"), judged)),
  mounts: (value, judged) => items(value).flatMap((mount) => (field(mount, "type") === "bind" ? hostPath(field(mount, "source"), judged) : [])),
  envs: (value) =>
    texts(value)
      .map((assignment) => assignment.split("=", 1)[0] ?? "")
      .filter((variable) => FORBIDDEN_VARIABLE.test(variable))
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

const network: Readonly<Record<string, Rule>> = {
  driver: (value) => (value === undefined || value === "bridge" ? [] : [`driver ${JSON.stringify(value)}: it puts containers on the LAN itself; use bridge and publish a port`]),
};

/** Rules by type of resource; of these packages no others may be made. */
const RULES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  "docker:index/container:Container": container,
  "docker:index/remoteImage:RemoteImage": { name: image },
  "docker:index/network:Network": network,
  "docker:index/volume:Volume": {},
  "pulumi:providers:docker": {},
  "pulumi:providers:postgresql": {},
};

function rulesOf(type: string): Readonly<Record<string, Rule>> | undefined {
  if (Object.hasOwn(RULES, type)) return RULES[type];
  return /^(litellm|random|postgresql|pulumi-nodejs):|^pulumi:pulumi:Stack$/.test(type) ? {} : undefined;
}
