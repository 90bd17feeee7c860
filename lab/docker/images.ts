import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cached, type Run, sha256, step } from "../../bootstrap/steps.ts";
import { type Ask, asRoot, installPackages } from "../../bootstrap/system-packages.ts";

const recipes = path.join(path.dirname(fileURLToPath(import.meta.url)), "images");
const BASE = "litellm-mcp-lab/trixie";
/** Label of an image built here: hash of everything it was built from. An image without it was pulled and is left alone. */
const STAND_IN_LABEL = "lab.stand-in";
const DEBIAN = "trixie";

export interface CatalogueEntry {
  readonly image: string;
  /** Folder of `images/` with a Dockerfile that makes the same from package registries. */
  readonly recipe: string;
  /** Another recipe whose files this one shares, except for those that it has itself. */
  readonly over?: string;
  /** For servers that are off by default, and for tests. */
  readonly onDemand?: true;
  /** Key of a stack's file which has it as the default image. */
  readonly setting?: string;
  /** How a stack's file says that it does without, although it has the setting. */
  readonly without?: RegExp;
  /** How a stack's file says that it has it, where the setting alone does not. */
  readonly only?: RegExp;
}

/** `logs: { enabled: false }` of `litellm-mcp:monitoring`. */
const WITHOUT_LOGS = /\blogs:[\s{]+enabled: false\b/;

/** `grafana` of `litellm-mcp:monitoring`; a server of that name has its entry elsewhere. */
const WITH_GRAFANA = /litellm-mcp:monitoring:(?:.*\bgrafana:|.*(?:\n {4,}.*)*\n {4,}grafana:)/;

/** STAND-INS for images of an image registry, under their real names. */
export const catalogue: readonly CatalogueEntry[] = [
  { image: "python:3.13-slim-trixie", recipe: "python" },
  { image: "node:22-trixie-slim", recipe: "node" },
  { image: "postgres:17.6-trixie", recipe: "postgres" },
  { image: "ghcr.io/berriai/litellm:v1.77.3-stable", recipe: "litellm" },
  { image: "ghcr.io/berriai/litellm:v1.77.7-stable", recipe: "litellm-1.77.7", over: "litellm", onDemand: true },
  // From 1.84 on the published tags have no -stable.
  { image: "ghcr.io/berriai/litellm:v1.106.2", recipe: "litellm-1.106.2", over: "litellm", onDemand: true },
  { image: "crystaldba/postgres-mcp:0.3.0", recipe: "postgres-mcp" },
  { image: "ghcr.io/github/github-mcp-server:v1.9.0", recipe: "github-mcp-server", onDemand: true },
  { image: "redis:8.0-trixie", recipe: "redis", onDemand: true, setting: "litellm-mcp:redis:" },
  { image: "prom/prometheus:v3.11.3", recipe: "prometheus", onDemand: true, setting: "litellm-mcp:monitoring:" },
  {
    image: "grafana/loki:3.7.1",
    recipe: "loki",
    onDemand: true,
    setting: "litellm-mcp:monitoring:",
    without: WITHOUT_LOGS,
  },
  {
    image: "otel/opentelemetry-collector-contrib:0.151.0",
    recipe: "otelcol",
    onDemand: true,
    setting: "litellm-mcp:monitoring:",
    without: WITHOUT_LOGS,
  },
  {
    image: "grafana/grafana:12.3.2",
    recipe: "grafana",
    onDemand: true,
    setting: "litellm-mcp:monitoring:",
    only: WITH_GRAFANA,
  },
];

/**
 * Images made on demand that a stack needs. The texts are searched, not parsed: mistakes in them are reported later, and one
 * image too many only costs time.
 *
 * @param servers Name and `server.yaml` of each folder under `mcp/`.
 */
export function demandedImages(
  stackFile: string,
  servers: readonly { readonly name: string; readonly text: string }[],
): string[] {
  const texts = [
    stackFile,
    ...servers.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(stackFile)).map(({ text }) => text),
  ];
  return catalogue
    .filter(
      ({ image, onDemand, setting, without, only }) =>
        onDemand &&
        !without?.test(stackFile) &&
        texts.some(
          (text) =>
            text.includes(image) || (setting !== undefined && text.includes(setting) && (only?.test(text) ?? true)),
        ),
    )
    .map(({ image }) => image);
}

/** The label of an image that was built here, an empty one for any other image, or undefined where the daemon has none. */
export const standInLabel = async (image: string): Promise<string | undefined> => {
  const format = `{{index .Config.Labels "${STAND_IN_LABEL}"}}`;
  const found = await execa("docker", ["image", "inspect", "--format", format, image], { reject: false });
  return found.exitCode === 0 ? found.stdout : undefined;
};

const overOf = (recipe: string) => catalogue.find((entry) => entry.recipe === recipe)?.over;

/** Every file of a recipe: path in the build context → where it is. */
export async function recipeFiles(recipe: string): Promise<Map<string, string>> {
  const folder = path.join(recipes, recipe);
  const over = overOf(recipe);
  const files = over === undefined ? new Map<string, string>() : await recipeFiles(over);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.relative(folder, file), file);
  }
  return files;
}

/** Other images of the catalogue that a recipe's Dockerfile names, and so needs on the daemon first. */
export async function imagesBelow(recipe: string): Promise<CatalogueEntry[]> {
  const dockerfile = await readFile((await recipeFiles(recipe)).get("Dockerfile")!, "utf8");
  const own = [recipe, overOf(recipe)];
  return catalogue.filter((entry) => !own.includes(entry.recipe) && dockerfile.includes(entry.image));
}

/** Hash of what an image is built from: its recipe's files, the recipes it builds on, what the base takes from this machine. */
export async function recipeHash(recipe: string): Promise<string> {
  const files = [...(await recipeFiles(recipe))].sort(([a], [b]) => (a < b ? -1 : 1));
  const contents = await Promise.all(files.map(async ([name, file]) => [name, await readFile(file)] as const));
  const below =
    recipe === "base"
      ? [JSON.stringify(networkSettings()), (await hostCertificates()) ?? ""]
      : await Promise.all([...(await imagesBelow(recipe)).map((entry) => entry.recipe), "base"].map(recipeHash));
  return sha256(...contents.flat(), ...below);
}

/** Builds an image of the catalogue; those below it have to be on the daemon. */
export async function buildImage({ image, recipe }: CatalogueEntry, ask: Ask): Promise<void> {
  await installPackages("images are built here", { debootstrap: "debootstrap" }, ask);
  const label = `${STAND_IN_LABEL}=${await recipeHash(recipe)}`;
  await step(`build image ${image} (stand-in)`, async (run) => {
    const base = await baseImage(run);
    const context = await mkdtemp(path.join(tmpdir(), "lab-image-"));
    try {
      for (const [name, file] of await recipeFiles(recipe)) await cp(file, path.join(context, name));
      await run("docker", ["build", "--build-arg", `BASE=${base}`, "--label", label, "--tag", image, context]);
    } finally {
      await rm(context, { recursive: true, force: true });
    }
  });
}

/** The base image: Debian with this machine's certificates, proxies and indexes, to reach the package registries. */
async function baseImage(run: Run): Promise<string> {
  const tag = `${BASE}:${(await recipeHash("base")).slice(0, 12)}`;
  if ((await standInLabel(tag)) !== undefined) return tag;
  const rootfs = await cached(
    `debian-${DEBIAN}`,
    [await readFile(path.join(recipes, "base", "packages"))],
    async (folder) => {
      const packages = (await readFile(path.join(recipes, "base", "packages"), "utf8")).trim().split("\n").join(",");
      const target = path.join(folder, "rootfs");
      try {
        await run(...asRoot("debootstrap", ["--variant=minbase", `--include=${packages}`, DEBIAN, target]));
        await run(...asRoot("tar", ["-C", target, "-cf", path.join(folder, "rootfs.tar"), "."]));
      } finally {
        // The files are root's: after a failure nobody else could remove them.
        await run(...asRoot("rm", ["-rf", target]));
      }
    },
  );
  const imported = `${BASE}:${path.basename(rootfs)}`;
  // Imported only once: each import is another image for Docker, which would find nothing that is built on it in its cache.
  if ((await standInLabel(imported)) === undefined)
    await run("docker", ["import", path.join(rootfs, "rootfs.tar"), imported]);
  const context = await mkdtemp(path.join(tmpdir(), "lab-base-"));
  try {
    await writeFile(path.join(context, "Dockerfile"), await hostDockerfile(imported, context));
    await run("docker", ["build", "--label", `${STAND_IN_LABEL}=base`, "--tag", tag, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return tag;
}

const HOST_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const CERTIFICATE_VARIABLES = [
  "SSL_CERT_FILE",
  "PIP_CERT",
  "NODE_EXTRA_CA_CERTS",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
];
const NETWORK_VARIABLES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "PIP_INDEX_URL",
  "PIP_EXTRA_INDEX_URL",
  "NPM_CONFIG_REGISTRY",
];

/** The bundle of certificate authorities that this machine trusts, where Debian and the systems that derive from it keep it. */
const hostCertificates = (): Promise<Buffer | undefined> =>
  readFile(HOST_CERTIFICATES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

const networkSettings = () =>
  NETWORK_VARIABLES.filter((name) => process.env[name]).map((name) => [name, process.env[name]] as const);

async function hostDockerfile(from: string, context: string): Promise<string> {
  const lines = [`FROM ${from}`, await readFile(path.join(recipes, "base", "Dockerfile.part"), "utf8")];
  const certificates = await hostCertificates();
  if (certificates) {
    await writeFile(path.join(context, "ca-certificates.crt"), certificates);
    lines.push(`COPY ca-certificates.crt ${HOST_CERTIFICATES}`);
    lines.push(...CERTIFICATE_VARIABLES.map((name) => `ENV ${name}=${HOST_CERTIFICATES}`));
  }
  lines.push(...networkSettings().map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`));
  return lines.join("\n");
}
