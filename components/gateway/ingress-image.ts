import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as docker from "@pulumi/docker";
import { buildSync } from "esbuild";
import { projectRoot } from "../../lib/project-root.ts";

/** Build context, written by each run. Relative to the project: an absolute path would differ from clone to clone. */
const CONTEXT = "./ingress/dist";

/** The ingress and all of its libraries as one file, the same on every machine that has the same package lock. */
export function bundleIngress(): string {
  const { outputFiles } = buildSync({
    absWorkingDir: projectRoot,
    entryPoints: ["ingress/main.ts"],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    // Minified text has no paths of node_modules in it, which would differ where that folder is a link.
    minify: true,
    keepNames: true,
    legalComments: "none",
    // Fastify is CommonJS and asks for Node's own modules by `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    write: false,
  });
  return outputFiles[0]!.text;
}

/** The image of the ingress, built on the target daemon and named by what went into it. */
export function ingressBuild(): Pick<docker.RemoteImageArgs, "name" | "build" | "triggers"> {
  const files = {
    "ingress.mjs": bundleIngress(),
    ...Object.fromEntries(
      ["healthcheck.mjs", "Dockerfile"].map((name) => [
        name,
        readFileSync(path.join(projectRoot, "ingress", name), "utf8"),
      ]),
    ),
  };
  const context = path.join(projectRoot, CONTEXT);
  mkdirSync(context, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(context, name);
    if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
  }
  const hash = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 12);
  return {
    name: `litellm-mcp/ingress:${hash}`,
    build: { context: CONTEXT, dockerfile: "Dockerfile" },
    triggers: { hash },
  };
}
