import { readFileSync } from "node:fs";
import path from "node:path";
import { bundle } from "../../lib/bundle.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";

/** The ingress as one file. */
export const bundleIngress = () => bundle("ingress/main.ts");

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
