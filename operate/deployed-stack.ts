import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import type { GatewayCheckInputs } from "../components/gateway/check/inputs.ts";
import type { GrafanaCheckInputs } from "../components/monitoring/grafana-check.ts";
import { CONTAINER_TYPE, GATEWAY_CHECK, GRAFANA_CHECK } from "../components/resource-names.ts";
import { isMap } from "../lib/is-map.ts";
import { projectRoot } from "../lib/project-root.ts";
import { setSecret, stackPath } from "../settings/context.ts";
import { ENDING_VARIABLE, WARNED_VARIABLE } from "../settings/settings.ts";
import { type Change, type Plan, type PreviewOutput, readPlan } from "./preview/plan.ts";
import { pulumiEnvironment } from "./pulumi-environment.ts";
import { refuseBackend } from "./backend.ts";
import { type Held, readHeld } from "./backup/held.ts";
import type { Exported } from "./backup/secrets.ts";
import { readRights, type RightsOnRecord } from "./client-rights.ts";
import { configIn } from "./config/stack-config.ts";
import { removeHalfWritten } from "./recovery/half-written.ts";
import { type OnRecord, readRecord } from "./recovery/on-record.ts";
import { type Deployed, readDeployed } from "./status/deployed.ts";
import {
  currentOf,
  inputsOf,
  outputsOf,
  type Password,
  passwordsOf,
  type StoredResource,
  type StoredState,
} from "./stored-state.ts";

/** More operations at once and sshd's MaxStartups drops connections (each operation opens one). */
const PARALLEL = "8";

/** Those of the stack's outputs that commands use. */
interface Outputs {
  readonly gateway: string;
  readonly models: string;
  /** Where its pages are, on the host; undefined where there is none. */
  readonly grafana?: string;
  readonly clientKeys: Readonly<Record<string, string>>;
}

/** The `pulumi` command for one stack, run in this project. */
export class Pulumi {
  readonly stack: string;
  /** Name of the project in Pulumi.yaml. */
  readonly project: string;
  readonly #workspace: LocalWorkspace;
  /** As it was last read, unless this has changed it since: half a second each time. */
  #lastRead: StoredState | undefined;

  private constructor(stack: string, project: string, workspace: LocalWorkspace) {
    this.stack = stack;
    this.project = project;
    this.#workspace = workspace;
  }

  static async #of(stack: string, workspace: LocalWorkspace): Promise<Pulumi> {
    return new Pulumi(stack, (await workspace.projectSettings()).name, workspace);
  }

  /** Makes the stack in the backend if it is not there yet. */
  static async open(stack: string): Promise<Pulumi> {
    const workspace = await openWorkspace();
    await Stack.createOrSelect(stack, workspace);
    return Pulumi.#of(stack, workspace);
  }

  /**
   * A stack that exists already; none is made.
   *
   * @param opened Where somebody has looked for the states before.
   * @throws Error that names the stacks there are.
   */
  static async existing(stack: string, opened?: Pick<States, "workspace">): Promise<Pulumi> {
    const workspace = opened?.workspace ?? (await openWorkspace());
    const stacks = (await workspace.listStacks()).map(({ name }) => name);
    if (stacks.includes(stack)) return Pulumi.#of(stack, workspace);
    if (existsSync(path.join(projectRoot, `Pulumi.${stack}.yaml`))) throw notDeployed(stack);
    throw new Error(
      `unknown stack ${stack}: ${stacks.length ? `there are ${stacks.join(", ")}` : "there is none yet, npm run up makes the first"}`,
    );
  }

  /** Runs `pulumi` with this terminal, so that it shows its progress as always, which it does not through the Automation API. */
  async #show(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
    // Ctrl-C reaches pulumi as well, which then ends in good order. It would go on behind the prompt if this process ended first.
    const stay = () => {};
    process.on("SIGINT", stay);
    const { exitCode } = await execa("pulumi", [...args, "--stack", this.stack], {
      cwd: projectRoot,
      env: { ...this.#workspace.envVars, ...env },
      stdio: "inherit",
      reject: false,
    });
    process.off("SIGINT", stay);
    this.#lastRead = undefined;
    return exitCode ?? 1;
  }

  /** Runs `pulumi` and gives what it printed. */
  #run(args: readonly string[]) {
    return execa("pulumi", [...args, "--stack", this.stack], {
      cwd: projectRoot,
      env: this.#workspace.envVars,
      all: true,
      reject: false,
      stdin: "ignore",
    });
  }

  /**
   * Deploys; pulumi's own progress goes to the terminal. Whoever calls it has shown a preview, with its warnings.
   *
   * @param replace URNs of resources that are replaced, and with them whatever depends on them.
   * @returns Pulumi's exit code.
   */
  up(replace: readonly string[] = []): Promise<number> {
    return this.#show(
      [
        ...["up", "--yes", "--skip-preview", "--suppress-outputs", "--parallel", PARALLEL],
        ...replace.flatMap((urn) => ["--replace", urn]),
      ],
      { [WARNED_VARIABLE]: "true" },
    );
  }

  /** What `up` would do; nothing is changed and nothing is printed. */
  async preview(replace: readonly string[] = []): Promise<Plan> {
    const [{ stdout, stderr, exitCode }, resources, config] = await Promise.all([
      this.#run([
        ...["preview", "--json", "--show-sames", "--parallel", PARALLEL],
        ...replace.flatMap((urn) => ["--replace", urn]),
      ]),
      this.#lastResources(),
      this.#workspace.getAllConfig(this.stack),
    ]);
    const outputs = outputsOf(resources);
    const plan = readPlan(parsed(stdout), Object.keys(outputs));
    // A Pulumi that does not come to its own JSON says why on standard error.
    const errors =
      exitCode === 0 || plan.errors.length ? plan.errors : [stderr.trim() || `pulumi preview ended with ${exitCode}`];
    const isStateOld = plan.isStateOld || isRenamed(outputs["gateway"], config[stackPath("lan")]?.value);
    return { ...plan, isStateOld, errors };
  }

  /**
   * Compares the state with what there is, and forgets what an interrupted run had begun to make. Prints nothing.
   *
   * @throws Error with what Pulumi said.
   */
  async refresh(): Promise<void> {
    const program = (await this.#looksThroughTunnel()) ? ["--run-program"] : [];
    const args = ["refresh", "--yes", "--skip-preview", "--suppress-outputs", "--clear-pending-creates", ...program];
    const { exitCode, all } = await this.#run([...args, "--parallel", PARALLEL]);
    this.#lastRead = undefined;
    if (exitCode !== 0) throw new Error(`pulumi refresh ended with exit code ${exitCode}:\n${all}`);
  }

  /** What `refresh` would write into the state: what differs on the host. Nothing is changed and nothing is printed. */
  async drift(): Promise<readonly Change[]> {
    const program = (await this.#looksThroughTunnel()) ? ["--run-program"] : [];
    const { exitCode, stdout, all } = await this.#run(["refresh", "--preview-only", "--json", ...program]);
    if (exitCode !== 0) throw new Error(`pulumi refresh ended with exit code ${exitCode}:\n${all}`);
    return readPlan(parsed(stdout), []).changes;
  }

  /** Replaces one resource and touches no other. Resolves to pulumi's exit code. */
  replaceAlone(urn: string): Promise<number> {
    return this.#show(["up", "--yes", "--target-replace", urn]);
  }

  /** Destroys everything of the stack; the stack itself, with its settings, stays. */
  async down(): Promise<number> {
    return this.#destroy(await this.#isBehindTunnel());
  }

  /** The same of a stack whose settings say by now that it is elsewhere: with those of its last deployment. */
  async downAsDeployed(): Promise<number> {
    const folder = await mkdtemp(path.join(tmpdir(), "litellm-mcp-settings-"));
    const file = path.join(folder, "deployed.yaml");
    try {
      // With the salt of the passphrase; what was deployed takes the place of the settings.
      await copyFile(path.join(projectRoot, `Pulumi.${this.stack}.yaml`), file);
      await this.#ask(["config", "refresh", "--force", "--config-file", file]);
      const postgres = configIn(await readFile(file, "utf8"))[stackPath("postgres")];
      const isBehindTunnel = isMap(postgres) && postgres["network"] !== undefined;
      return await this.#destroy(isBehindTunnel, ["--config-file", file]);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  #destroy(isBehindTunnel: boolean, settings: readonly string[] = []): Promise<number> {
    // Its databases and roles are dropped one by one, through the tunnel that the program opens.
    const program = isBehindTunnel ? ["--run-program"] : [];
    return this.#show(["destroy", "--yes", "--parallel", PARALLEL, ...program, ...settings], {
      [ENDING_VARIABLE]: "true",
    });
  }

  /** Whether what is in Postgres is looked up through a tunnel, which the program opens. */
  async #looksThroughTunnel(): Promise<boolean> {
    const config = await this.#workspace.getAllConfig(this.stack);
    const section = (name: string) => JSON.parse(config[stackPath(name)]?.value ?? "{}") as Record<string, string>;
    const { kind = "dedicated", network } = section("postgres");
    const { host = "" } = section("docker");
    return network !== undefined || (kind === "dedicated" && host.startsWith("ssh:"));
  }

  /** Whether what is in Postgres is also dropped through it: the stack's own goes as a whole. */
  #isBehindTunnel(): Promise<boolean> {
    return this.#workspace.getConfig(this.stack, stackPath("postgres", "network"), true).then(
      () => true,
      () => false,
    );
  }

  /** Address of the backend. */
  async backendUrl(): Promise<string> {
    return backendUrlOf(this.#workspace);
  }

  /** What the state says of the daemon. */
  async onRecord(): Promise<OnRecord> {
    return readRecord(await this.#state());
  }

  /** What the stack holds that cannot be made again; undefined while it has no database. */
  async held(): Promise<Held | undefined> {
    const state = await this.#state();
    const { endpoint } = readRecord(state);
    return endpoint && readHeld(currentOf(state), endpoint);
  }

  /** The state as it is stored, secrets encrypted. */
  async encryptedState(): Promise<string> {
    return this.#ask(["stack", "export"]);
  }

  /** The whole state, secrets in plain text. */
  async exported(): Promise<Exported> {
    return await this.#workspace.exportStack(this.stack);
  }

  /** Puts a state in the place of the stack's. Secrets in plain text are in no file on the way. */
  async importState(state: Exported): Promise<void> {
    await this.#ask(["stack", "import"], JSON.stringify(state));
    this.#lastRead = undefined;
  }

  /** What a `pulumi` command prints. */
  async #ask(args: readonly string[], input = ""): Promise<string> {
    const { stdout } = await execa("pulumi", [...args, "--stack", this.stack, "--non-interactive"], {
      cwd: projectRoot,
      env: { ...this.#workspace.envVars },
      input,
    });
    return stdout;
  }

  /**
   * What the stack tells clients, keys in plain text.
   *
   * @throws Error when the stack is not deployed.
   */
  async outputs(): Promise<Outputs> {
    const outputs = outputsOf(await this.#lastResources());
    // Pulumi also stores the outputs of a program that failed before its end; those it had not reached are missing.
    if (!outputs.gateway || !outputs.clientKeys) throw notDeployed(this.stack);
    return outputs as unknown as Outputs;
  }

  /** What the stack's gateway check was given, keys included; undefined where nothing is deployed. */
  async gatewayCheck(): Promise<GatewayCheckInputs | undefined> {
    const [inputs] = inputsOf(await this.#lastResources(), (urn) => urn.endsWith(`::${GATEWAY_CHECK}`));
    return inputs as GatewayCheckInputs | undefined;
  }

  /** What the stack's Grafana is asked for, with its password; undefined where there is none. */
  async grafanaCheck(): Promise<GrafanaCheckInputs | undefined> {
    const [inputs] = inputsOf(await this.#lastResources(), (urn) => urn.endsWith(`::${GRAFANA_CHECK}`));
    return inputs as GrafanaCheckInputs | undefined;
  }

  /**
   * Where the gateway is and what each client may call there, keys in plain text. All of it is in the state as soon as the
   * gateway runs, even after a first `up` that the gateway check stopped, when the stack has no outputs yet.
   *
   * @throws Error when there is none.
   */
  async rights(): Promise<RightsOnRecord> {
    const found = readRights(await this.#resources());
    if (!found) throw notDeployed(this.stack);
    return found;
  }

  /**
   * Values of secrets that the owner has set, by name.
   *
   * @throws Error that names the first which is not set.
   */
  async secrets(names: readonly string[]): Promise<Record<string, string>> {
    const values: [string, string][] = [];
    for (const name of names) {
      const found = await this.#workspace
        .getConfig(this.stack, stackPath("secrets", name), true)
        .catch((error: Error) => {
          throw new Error(`stack ${this.stack} has no secret ${name}: ${setSecret(name)}`, { cause: error });
        });
      values.push([name, found.value]);
    }
    return Object.fromEntries(values);
  }

  /** The passwords that the program has made up, by the names of their resources. */
  async passwords(): Promise<Password[]> {
    return passwordsOf(await this.#resources());
  }

  /** Name of a container on the daemon; undefined where the stack has no such container. */
  async containerName(resource: string): Promise<string | undefined> {
    const [inputs] = inputsOf(await this.#resources(), (urn) => urn.endsWith(`${CONTAINER_TYPE}::${resource}`));
    return (inputs as { name?: string } | undefined)?.name;
  }

  /**
   * What the stack has. After a first `up` that failed, what it has come to.
   *
   * @throws Error when there is no container yet.
   */
  async deployed(): Promise<Deployed> {
    const found = await this.deployedIfAny();
    if (!found) throw notDeployed(this.stack);
    return found;
  }

  /** The same; undefined where there is no container. */
  async deployedIfAny(): Promise<Deployed | undefined> {
    const secrets = (await this.#workspace.getAllConfig(this.stack))[stackPath("secrets")]?.value ?? "{}";
    return readDeployed(this.stack, await this.#resources(), Object.keys(JSON.parse(secrets) as object));
  }

  /** Everything in the state, without what an interrupted `up` has left to be deleted. */
  async #resources(): Promise<StoredResource[]> {
    return currentOf(await this.#state());
  }

  /** The same as this last read or left it. */
  async #lastResources(): Promise<StoredResource[]> {
    return currentOf(this.#lastRead ?? (await this.#state()));
  }

  async #state(): Promise<StoredState> {
    this.#lastRead = (await this.#workspace.exportStack(this.stack)).deployment as StoredState;
    return this.#lastRead;
  }
}

/** Empty where Pulumi did not come so far as to print it. */
function parsed(stdout: string): PreviewOutput {
  try {
    return JSON.parse(stdout) as PreviewOutput;
  } catch {
    return {};
  }
}

async function openWorkspace(): Promise<LocalWorkspace> {
  await refuseBackend(process.env.PULUMI_BACKEND_URL);
  const workspace = await LocalWorkspace.create({ workDir: projectRoot, envVars: await pulumiEnvironment() });
  // Before the first question about a stack: that already fails where something is half-written.
  await removeHalfWritten(await backendUrlOf(workspace));
  return workspace;
}

/** Where the states of this project's stacks are. */
export interface States {
  readonly backendUrl: string;
  readonly project: string;
  readonly workspace: LocalWorkspace;
}

/** Asked before any of them is read. */
export async function whereStatesAre(): Promise<States> {
  const workspace = await openWorkspace();
  return { backendUrl: await backendUrlOf(workspace), project: (await workspace.projectSettings()).name, workspace };
}

/** As this machine's settings give it, else as `pulumi whoami` does, which takes a third of a second. */
const backendUrlOf = async (workspace: LocalWorkspace): Promise<string> =>
  workspace.envVars.PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? (await workspace.whoAmI()).url ?? "";

/**
 * Whether people are told another name of the gateway by now: it is in an output alone, which a preview does not tell of.
 *
 * @param told The gateway's URL among the outputs.
 * @param lan JSON of the setting, as Pulumi has it.
 */
function isRenamed(told: unknown, lan: string | undefined): boolean {
  if (typeof told !== "string" || lan === undefined) return false;
  const { address, hostname = address } = JSON.parse(lan) as { address?: string; hostname?: string };
  return hostname !== undefined && new URL(told).hostname !== hostname;
}

export const notDeployed = (stack: string) =>
  new Error(`stack ${stack} is not deployed: npm run up -- --stack ${stack}`);
