import { stat } from "node:fs/promises";
import path from "node:path";
import { projectRoot } from "../lib/project-root.ts";
import { stateFolder } from "./recovery/half-written.ts";

/** What Pulumi keeps states in; of any other address it would ask for a token of its cloud. */
const SCHEMES = ["file", "s3", "gs", "azblob", "postgres", "https", "http"];
const OTHERWISE =
  "or unset PULUMI_BACKEND_URL, and the states are where pulumi login has chosen, or else in ~/.local/share/litellm-mcp";

/**
 * Pulumi's own words for an address with a typing error name neither the variable nor what to write.
 *
 * @param given PULUMI_BACKEND_URL as the user has set it.
 * @throws Error that says what is wrong with it and what to write.
 */
export async function refuseBackend(given: string | undefined): Promise<void> {
  if (!given) return;
  const [, scheme] = /^([a-z0-9+.-]+):/i.exec(given) ?? [];
  if (scheme === undefined || !SCHEMES.includes(scheme)) {
    const write = scheme === undefined ? `file://${path.resolve(projectRoot, given)}` : "file:///FOLDER";
    // One that was meant for a database may have its password.
    const shown = given.replace(/\/\/[^/]*@/, "//…@");
    throw new Error(
      `PULUMI_BACKEND_URL is ${shown}, which is no address that Pulumi keeps states at: write ${write} for a folder, ${OTHERWISE}`,
    );
  }
  const states = stateFolder(given);
  if (states === undefined) return;
  const folder = path.resolve(projectRoot, path.dirname(states));
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new Error(`PULUMI_BACKEND_URL is ${given}, and that folder cannot be read: ${error.message}`);
  });
  if (!found?.isDirectory())
    throw new Error(
      `PULUMI_BACKEND_URL is ${given}, and ${folder} is ${found ? "a file" : "not there"}: write the folder that has the states, ` +
        `${found ? "" : `or mkdir -p '${folder}' for new stacks, `}${OTHERWISE}`,
    );
}
