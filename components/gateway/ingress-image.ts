import { readFileSync } from "node:fs";
import path from "node:path";
import { buildSync } from "esbuild";
import { projectRoot } from "../../lib/project-root.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";

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
export function ingressBuild() {
  const beside = (name: string) => textFile(readFileSync(path.join(projectRoot, "ingress", name), "utf8"));
  return imageBuild({
    name: "ingress",
    files: {
      "ingress.mjs": textFile(bundleIngress()),
      "healthcheck.mjs": beside("healthcheck.mjs"),
      Dockerfile: beside("Dockerfile"),
    },
  });
}
