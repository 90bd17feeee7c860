import path from "node:path";

/** What a server may be given only when its `server.yaml` declares it and the stack accepts it. */
export const RISKS = ["docker-socket"] as const;
export type Risk = (typeof RISKS)[number];

const SOCKETS = ["docker.sock", "containerd/containerd.sock", "podman/podman.sock", "crio/crio.sock"].flatMap(
  (socket) => [`/run/${socket}`, `/var/run/${socket}`],
);

/** Directories that are the server's own: who reads them has its passwords, who writes them has the server. */
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

/** Whether who has this directory or file of the server has its container engine, and with it the whole server. */
export const exposesEngine = (hostPath: string) => SOCKETS.some((socket) => isInside(socket, withoutDots(hostPath)));

/** Whether this is one of the server's own directories, above or inside one. A link to one cannot be seen from here. */
export const exposesSystem = (hostPath: string) =>
  SYSTEM_DIRECTORIES.some(
    (directory) => isInside(directory, withoutDots(hostPath)) || isInside(withoutDots(hostPath), directory),
  );

/** Proxies, identity providers and tunnels: what takes the gateway off the LAN or needs names and certificates outside it. */
export const isOffLanImage = (reference: string) =>
  /(^|[/_-])(traefik|keycloakx?|caddy|nginx-proxy(-manager)?|certbot|acme(-companion|\.sh)?|letsencrypt|cloudflared|ngrok|tailscale|swag|authelia|authentik|oauth2-proxy|ddns|duckdns)([:@/_-]|$)/i.test(
    reference,
  );

/** Variables that such images, and LiteLLM's own TLS, are set up by. */
export const isOffLanVariable = (name: string) =>
  /^(SSL_KEYFILE_PATH|SSL_CERTFILE_PATH|LETSENCRYPT_\w*|ACME_\w*|VIRTUAL_HOST|VIRTUAL_PORT|TRAEFIK_\w*|KEYCLOAK_\w*|KC_\w*|DUCKDNS_\w*|CLOUDFLARE_\w*|CF_\w*)$/i.test(
    name,
  );
