import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { step } from "../../bootstrap/steps.ts";
import type { Ask } from "../../bootstrap/system-packages.ts";
import { goBuild, prepareGo } from "./go.ts";

const module = path.join(import.meta.dirname, "plugins");

export interface Plugin {
  name: string;
  version: string;
}

/** Contents of the files that the plug-ins are built from. */
export async function pluginSources(): Promise<Buffer[]> {
  const entries = await readdir(module, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(files.map((file) => readFile(file)));
}

/** Builds plug-ins from upstream's Go modules into `folder`, laid out as the folder `plugins` of Pulumi's home is. */
export async function buildPlugins(folder: string, plugins: readonly Plugin[], ask: Ask): Promise<void> {
  const go = await prepareGo(ask);
  for (const { name, version } of plugins)
    await step(`Pulumi plug-in ${name} ${version} from its Go module (up to 5 minutes the first time)`, (run) =>
      goBuild(run, go, {
        module,
        main: `./${name}`,
        output: path.join(folder, `resource-${name}-v${version}`, `pulumi-resource-${name}`),
        variables: { "litellm-mcp/lab/plugins/bridge.Version": version },
        // Docker Compose, which nothing of ours uses, would more than double the build.
        tags: ["no_compose"],
      }),
    );
}
