import path from "node:path";
import type { DockerEndpoint } from "../../components/docker/docker-connection.ts";
import { isMap } from "../../lib/is-map.ts";
import { own } from "../../lib/own.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { type Context, stackPath } from "../../settings/context.ts";
import { type Problem, Problems, SettingsError } from "../../settings/problems.ts";
import { checkServerFolder } from "../../settings/resolve/check-server-folder.ts";
import { daemonNames } from "../../settings/resolve/daemon-names.ts";
import { NO_CHANGES, resolveServers } from "../../settings/resolve/resolve-servers.ts";
import { sshOptions } from "../../settings/resolve/ssh-options.ts";
import { stackKeys } from "../../settings/schemas/stack-schema.ts";
import type { ServerFolder } from "../../settings/server-folders.ts";
import type { ServerSettings } from "../../settings/settings.ts";
import { configIn, readStackFile } from "../config/stack-config.ts";

/** What a stack's file says that matters to one server alone; the rest of it may be wrong or not written yet. */
export interface StackOfServers {
  readonly name: string;
  readonly file: string;
  readonly endpoint: DockerEndpoint;
  readonly namePrefix: string;
  /** Name on the daemon of the network on which the stack's Postgres is. */
  readonly postgresNetwork: string;
  readonly secretNames: readonly string[];
  /** `litellm-mcp:servers` as written, by server. */
  readonly overrides: Readonly<Record<string, unknown>>;
}

/**
 * @param folder Where the stack's file is.
 * @throws Error when there is no such file, SettingsError when it does not say which daemon it is for.
 */
export function readStackOfServers(name: string, folder = projectRoot): StackOfServers {
  const { file, text } = readStackFile(name, folder);
  const config = configIn(text);
  const written = (key: string): unknown => config[stackPath(key)];

  const problems = new Problems();
  const docker = problems.parse(stackKeys.docker, written("docker"), file, stackPath("docker"));
  const namePrefix = problems.parse(stackKeys.namePrefix, written("namePrefix"), file, stackPath("namePrefix"));
  const existing = problems.parse(
    stackKeys.existingNetworks,
    written("existingNetworks"),
    file,
    stackPath("existingNetworks"),
  );
  const {
    docker: daemon,
    namePrefix: prefix,
    existing: networks,
  } = problems.complete({ docker, namePrefix, existing });
  const [overrides, secrets, postgres] = [written("servers"), written("secrets"), written("postgres")];
  const ofPostgres =
    isMap(postgres) && typeof postgres["network"] === "string" ? postgres["network"] : networks.postgres;
  return {
    name,
    file,
    endpoint: { host: daemon.host, sshOpts: daemon.host.startsWith("ssh://") ? sshOptions(daemon) : [] },
    namePrefix: prefix,
    postgresNetwork: ofPostgres ?? daemonNames(prefix).networks.postgres,
    secretNames: isMap(secrets) ? Object.keys(secrets) : [],
    overrides: isMap(overrides) ? overrides : {},
  };
}

/** A server as this stack runs it, or would if it were turned on. */
export interface StackServer {
  readonly settings: ServerSettings;
  /** Whether the stack runs it. */
  readonly isEnabled: boolean;
  /** Without what the stack says of it. */
  readonly ownEnv: Readonly<Record<string, string>>;
  /** Where its mounts are in the container, whether the stack binds them or not. */
  readonly mountTargets: readonly string[];
  /** Whether LiteLLM speaks to it without an adapter. The settings have one, by which it can be asked alone. */
  readonly hasNoAdapter: boolean;
}

/**
 * What a server is on a stack. What others are, and what only a stack has to know of this one (secrets, variables,
 * risks), may be wrong: its tools do not depend on it.
 *
 * @throws SettingsError with what is wrong with its folder, or with what the stack changes of it.
 */
export function serverOfStack(stack: StackOfServers, folder: ServerFolder): StackServer {
  const { name, definition } = folder;
  if (!definition) throw new SettingsError(folder.unreadable);
  const problems = new Problems();
  const at = stackPath("servers");
  const given = own(stack.overrides, name);
  const override = problems.parse(stackKeys.servers, given === undefined ? {} : { [name]: given }, stack.file, at);
  if (problems.all.length) throw new SettingsError(problems.all);

  checkServerFolder(folder, undefined, problems);
  const context: Context = {
    ...{ stackFile: stack.file, config: {}, secretNames: stack.secretNames, mcpDir: path.dirname(folder.folder) },
    ...{ problems, warnings: [], usedSecrets: new Set() },
  };
  const changed = own(override ?? {}, name) ?? NO_CHANGES;
  const asked = { ...folder, definition: { ...definition, adapter: undefined } };
  const [settings] = resolveServers(
    [asked],
    { [name]: { ...changed, enabled: true } },
    { version: undefined, namePrefix: stack.namePrefix },
    context,
  );
  const wrong = problems.all.filter((problem) => isOfFolder(problem, folder));
  if (wrong.length || !settings) throw new SettingsError(wrong);
  return {
    settings,
    isEnabled: changed.enabled ?? definition.enabled,
    ownEnv: definition.env,
    mountTargets: definition.mounts.map(({ target }) => target),
    hasNoAdapter: definition.adapter === "none",
  };
}

/** A tool lock that is broken or outdated is what an approval replaces. */
const isOfFolder = ({ file, path: at }: Problem, { file: definition }: ServerFolder) =>
  file.startsWith(`${path.posix.dirname(definition)}/`) &&
  !file.endsWith("/tools.lock.json") &&
  !(file === definition && at === "check.tool");
