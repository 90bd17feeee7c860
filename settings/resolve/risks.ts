import path from "node:path";

/** What an MCP server gets only when its `server.yaml` declares it and the stack accepts it. */
export const RISKS = ["docker-socket", "outside-lan"] as const;
export type Risk = (typeof RISKS)[number];

const SOCKETS = ["docker.sock", "containerd/containerd.sock", "podman/podman.sock", "crio/crio.sock"].flatMap(
  (socket) => [`/run/${socket}`, `/var/run/${socket}`],
);

/**
 * Directories of the host's own system. A container that can read them can read the host's passwords and keys, and one
 * that can write them can take over the host.
 */
export const SYSTEM_DIRECTORIES = [
  "/boot",
  "/dev",
  "/etc",
  "/proc",
  "/root",
  "/sys",
  "/var/lib/containerd",
  "/var/lib/docker",
] as const;

const withoutDots = (hostPath: string) => path.posix.resolve("/", hostPath);
const isInside = (inner: string, outer: string) =>
  inner === outer || inner.startsWith(outer === "/" ? outer : `${outer}/`);

/**
 * Whether this path of the host is the socket of a container engine, or a directory that has one in it. A container
 * that gets it can have the engine start any other container, so it controls the whole host.
 */
export const exposesEngine = (hostPath: string) => SOCKETS.some((socket) => isInside(socket, withoutDots(hostPath)));

/**
 * Whether this path of the host is a directory of its own system, is inside one, or has one in it. A symbolic link on
 * the host that leads to one is not seen: this program does not look at the host's files.
 */
export const exposesSystem = (hostPath: string) =>
  SYSTEM_DIRECTORIES.some(
    (directory) => isInside(directory, withoutDots(hostPath)) || isInside(withoutDots(hostPath), directory),
  );

/**
 * Images of proxies, identity providers and tunnels, which take the gateway out of the LAN or need names and
 * certificates outside of it.
 */
export const isOffLanImage = (reference: string) =>
  /(^|[/_-])(traefik|keycloakx?|caddy|nginx-proxy(-manager)?|certbot|acme(-companion|\.sh)?|letsencrypt|cloudflared|ngrok|tailscale|swag|authelia|authentik|oauth2-proxy|ddns|duckdns)([:@/_-]|$)/i.test(
    reference,
  );

/** Variables that say through which proxy a program asks for pages, or past it. */
export const isProxyVariable = (name: string) => /^(https?|all|no)_proxy$/i.test(name);

/** Variables that configure such images, or LiteLLM's own TLS. */
export const isOffLanVariable = (name: string) =>
  /^(SSL_KEYFILE_PATH|SSL_CERTFILE_PATH|LETSENCRYPT_\w*|ACME_\w*|VIRTUAL_HOST|VIRTUAL_PORT|TRAEFIK_\w*|KEYCLOAK_\w*|KC_\w*|DUCKDNS_\w*|CLOUDFLARE_\w*|CF_\w*)$/i.test(
    name,
  );
