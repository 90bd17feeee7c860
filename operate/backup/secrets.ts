import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa, ExecaError } from "execa";
import {
  clientKey,
  keyValueOf,
  LISTING_KEY,
  LITELLM,
  PASSWORD_TYPE,
  SCHEDULED_CHECK_KEY,
} from "../../components/resource-names.ts";
import { pulumiEnvironment } from "../pulumi-environment.ts";
import { currentOf, passwordsOf, type StoredResource, type StoredState } from "../stored-state.ts";

/** What `pulumi stack export` prints. */
export interface Exported {
  readonly deployment: StoredState & { readonly secrets_providers?: { readonly type: string } };
}

/**
 * A state of a backup with its secrets in plain text, which are in memory alone. Pulumi reads it in a backend that is thrown
 * away, so that nothing of the stack is touched.
 *
 * @throws Error when the passphrase is another one.
 */
export async function readSecrets(project: string, stack: string, exported: string): Promise<Exported> {
  const home = await mkdtemp(path.join(tmpdir(), "litellm-mcp-restore-"));
  try {
    const cwd = path.join(home, "project");
    await mkdir(cwd);
    await mkdir(path.join(home, "state"));
    await writeFile(path.join(cwd, "Pulumi.yaml"), `name: ${project}\nruntime: nodejs\n`);
    const env = { ...(await pulumiEnvironment()), PULUMI_BACKEND_URL: `file://${path.join(home, "state")}` };
    const pulumi = async (args: readonly string[], input = "") =>
      (await execa("pulumi", [...args, "--stack", stack, "--non-interactive"], { cwd, env, input })).stdout;
    await pulumi(["stack", "init"]);
    await pulumi(["stack", "import"], exported);
    return JSON.parse(await pulumi(["stack", "export", "--show-secrets"])) as Exported;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const { type = "none" } = (JSON.parse(exported) as Exported).deployment.secrets_providers ?? {};
    throw new Error(
      type === "passphrase"
        ? "the secrets in the backup cannot be read with the passphrase of this machine. Bring the one with which the stack was deployed: " +
            "its file, by default ~/.config/litellm-mcp/passphrase, or PULUMI_CONFIG_PASSPHRASE_FILE; without it no secret of the backup can be read"
        : `the secrets in the backup cannot be read (secrets provider ${type})\n${String(error.stderr).trim()}`,
      { cause: error },
    );
  } finally {
    await rm(home, { recursive: true });
  }
}

/** Whether a stack has nothing on any host: what has an id is made up, or makes others. */
export const hasNothing = ({ deployment }: Exported): boolean =>
  (deployment.resources ?? []).every(
    ({ id, type }) => id === undefined || type.startsWith("pulumi:providers:") || type.startsWith("random:"),
  ) && !deployment.pending_operations?.length;

/** Whether a secret belongs to what is in the databases: keys of clients, and that with which LiteLLM encrypts there. */
const isInDatabase = (name: string) =>
  name === `${LITELLM}-salt-key` ||
  new RegExp(`^${keyValueOf(`(${clientKey(".+")}|${LISTING_KEY}|${SCHEDULED_CHECK_KEY})`)}$`).test(name);

/** Names of the secrets which belong to what is in the databases, and are others now than they were. */
export function changedSecrets(before: Exported, now: Exported): string[] {
  const values = new Map(passwordsOf(currentOf(now.deployment)).map(({ name, value }) => [name, value]));
  return passwordsOf(currentOf(before.deployment))
    .filter(({ name, value }) => isInDatabase(name) && values.has(name) && values.get(name) !== value)
    .map(({ name }) => name);
}

/** The state of today with secrets as they were. What depends on them is replaced by the next `up`. */
export function withSecretsOf(before: Exported, now: Exported): Exported {
  const names = changedSecrets(before, now);
  const nameOf = ({ urn }: StoredResource) => urn.split("::").at(-1)!;
  const isOne = (resource: StoredResource) => resource.type === PASSWORD_TYPE && names.includes(nameOf(resource));
  const old = new Map(
    currentOf(before.deployment)
      .filter(isOne)
      .map((resource) => [nameOf(resource), resource.outputs]),
  );
  return {
    ...now,
    deployment: {
      ...now.deployment,
      resources: (now.deployment.resources ?? []).map((resource) =>
        isOne(resource) && !resource.delete ? { ...resource, outputs: old.get(nameOf(resource))! } : resource,
      ),
    },
  };
}

/**
 * A state that has the secrets which the program has made up, and nothing that is on a host: the next `up` makes all the rest
 * with the same keys and passwords.
 */
export function secretsAlone(exported: Exported): Exported {
  const all = currentOf(exported.deployment);
  const byUrn = new Map(all.map((resource) => [resource.urn, resource]));
  const wanted = new Set<string>();
  const want = (urn: string | undefined) => {
    if (urn === undefined || wanted.has(urn)) return;
    wanted.add(urn);
    want(byUrn.get(urn)?.parent);
  };
  for (const { type, urn, provider } of all) {
    if (type !== PASSWORD_TYPE) continue;
    want(urn);
    // Behind its URN is its id.
    want(provider?.split("::").slice(0, -1).join("::"));
  }
  const resources = all
    .filter(({ urn }) => wanted.has(urn))
    .map((resource) => ({
      ...resource,
      // Pulumi writes them down again. Now they name what is not there.
      dependencies: [],
      propertyDependencies: {},
      // Of components and of the stack itself: what the host does not have yet.
      ...(resource.id === undefined && { outputs: {} }),
    }));
  // What an interrupted run had begun is not there either.
  return { ...exported, deployment: { ...exported.deployment, resources, pending_operations: [] } };
}
