import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cached, type Run, sha256, step } from "../kit.ts";
import { type Ask, asRoot, installPackages } from "./system-packages.ts";

const recipes = path.join(path.dirname(fileURLToPath(import.meta.url)), "images");
const BASE = "litellm-mcp-lab/trixie";
/** Label of an image built here: hash of everything it was built from. An image without it was pulled and is left alone. */
const STAND_IN_LABEL = "lab.stand-in";
const DEBIAN = "trixie";

/** STAND-INS for images of an image registry: real name → folder with a Dockerfile that makes the same from package registries. */
const catalogue: readonly { readonly image: string; readonly recipe: string; readonly from: readonly string[] }[] = [
  { image: "python:3.13-slim-trixie", recipe: "python", from: [] },
  { image: "node:22-trixie-slim", recipe: "node", from: [] },
  { image: "postgres:17.6-trixie", recipe: "postgres", from: [] },
  { image: "ghcr.io/berriai/litellm:v1.77.3-stable", recipe: "litellm", from: ["python", "node"] },
  { image: "crystaldba/postgres-mcp:0.3.0", recipe: "postgres-mcp", from: ["python"] },
];

const imageLabel = async (image: string): Promise<string | undefined> => {
  const format = `{{index .Config.Labels "${STAND_IN_LABEL}"}}`;
  const found = await execa("docker", ["image", "inspect", "--format", format, image], { reject: false });
  return found.exitCode === 0 ? found.stdout : undefined;
};

/** Hash of a recipe's files and of the recipes it builds on. */
async function recipeHash(recipe: string): Promise<string> {
  const folder = path.join(recipes, recipe);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const contents = await Promise.all(files.map(async (file) => [path.relative(folder, file), await readFile(file)] as const));
  const below = recipe === "base" ? [] : [...(catalogue.find((entry) => entry.recipe === recipe)?.from ?? []), "base"];
  return sha256(...contents.flat(), ...(await Promise.all(below.map(recipeHash))));
}

/**
 * Makes sure that every image of the catalogue is on the daemon: what is there is used, what can be pulled is pulled,
 * the rest is built.
 */
export async function prepareImages(ask: Ask): Promise<void> {
  let registryAnswers: boolean | undefined;
  const done = new Map<string, Promise<void>>();
  const ready = (recipe: string): Promise<void> => {
    const entry = catalogue.find((candidate) => candidate.recipe === recipe);
    if (!entry) throw new Error(`no recipe ${recipe}`);
    const running = done.get(recipe) ?? prepareImage(entry);
    done.set(recipe, running);
    return running;
  };
  const prepareImage = async ({ image, recipe, from }: (typeof catalogue)[number]): Promise<void> => {
    const label = await imageLabel(image);
    const hash = await recipeHash(recipe);
    if (label !== undefined && (label === "" || label === hash)) return;
    if (label === undefined && registryAnswers !== false) {
      // Asked once: where nothing answers, each further question would cost its whole timeout.
      registryAnswers = await pull(image);
      if (registryAnswers) return;
    }
    await installPackages("images are built here", { debootstrap: "debootstrap" }, ask);
    for (const needed of from) await ready(needed);
    await step(`build image ${image} (stand-in)`, async (run) => {
      const base = await baseImage(run);
      await run("docker", ["build", "--build-arg", `BASE=${base}`, "--label", `${STAND_IN_LABEL}=${hash}`, "--tag", image, path.join(recipes, recipe)]);
    });
  };
  for (const { recipe } of catalogue) await ready(recipe);
}

const pull = (image: string): Promise<boolean> =>
  step(`pull image ${image}`, async (run) => {
    try {
      await run("docker", ["pull", image], { timeout: 600_000 });
      return true;
    } catch {
      process.stderr.write("  no image registry answers: images are built from package registries instead\n");
      return false;
    }
  });

/** Debian, with what this machine needs to reach package registries: its certificates and its proxy and index settings. */
async function baseImage(run: Run): Promise<string> {
  const tag = `${BASE}:${(await recipeHash("base")).slice(0, 12)}`;
  if ((await imageLabel(tag)) !== undefined) return tag;
  const rootfs = await cached(`debian-${DEBIAN}`, [await readFile(path.join(recipes, "base", "packages"))], async (folder) => {
    const packages = (await readFile(path.join(recipes, "base", "packages"), "utf8")).trim().split("\n").join(",");
    const target = path.join(folder, "rootfs");
    await run(...asRoot("debootstrap", ["--variant=minbase", `--include=${packages}`, DEBIAN, target]));
    await run(...asRoot("tar", ["-C", target, "-cf", path.join(folder, "rootfs.tar"), "."]));
    await run(...asRoot("rm", ["-rf", target]));
  });
  await run("docker", ["import", path.join(rootfs, "rootfs.tar"), `${BASE}:imported`]);
  const context = await mkdtemp(path.join(tmpdir(), "lab-base-"));
  try {
    await writeFile(path.join(context, "Dockerfile"), await hostDockerfile(context));
    await run("docker", ["build", "--label", `${STAND_IN_LABEL}=base`, "--tag", tag, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return tag;
}

const HOST_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const CERTIFICATE_VARIABLES = ["SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
const NETWORK_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY"];

async function hostDockerfile(context: string): Promise<string> {
  const lines = [`FROM ${BASE}:imported`, await readFile(path.join(recipes, "base", "Dockerfile.part"), "utf8")];
  const here = (names: readonly string[]) => names.filter((name) => process.env[name]);
  await mkdir(context, { recursive: true });
  if (await stat(HOST_CERTIFICATES).catch(() => undefined)) {
    await copyFile(HOST_CERTIFICATES, path.join(context, "ca-certificates.crt"));
    lines.push(`COPY ca-certificates.crt ${HOST_CERTIFICATES}`);
    lines.push(...here(CERTIFICATE_VARIABLES).map((name) => `ENV ${name}=${HOST_CERTIFICATES}`));
  }
  lines.push(...here(NETWORK_VARIABLES).map((name) => `ENV ${name}=${JSON.stringify(process.env[name])}`));
  return lines.join("\n");
}
