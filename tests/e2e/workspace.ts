import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { parse, stringify } from "yaml";
import { projectRoot } from "../../lib/project-root.ts";

/** What a command printed, and how long it took. */
export interface Finished {
  readonly exitCode: number;
  readonly output: string;
  readonly seconds: number;
}

/**
 * A copy of this checkout with a Pulumi backend of its own, so that a test can edit settings and server folders as a
 * user would. Everything any command printed is kept, to be searched for secrets.
 */
export class Workspace {
  readonly root: string;
  readonly stack: string;
  /** Variables with which commands of this workspace run. */
  readonly env: Readonly<Record<string, string>>;
  #printed = "";

  private constructor(root: string, stack: string, env: Record<string, string>) {
    this.root = root;
    this.stack = stack;
    this.env = env;
  }

  /** @param config Contents of `Pulumi.<stack>.yaml` under `config:`. */
  static async create(stack: string, config: Record<string, unknown>): Promise<Workspace> {
    const home = await mkdtemp(path.join(tmpdir(), `litellm-mcp-${stack}-`));
    const root = path.join(home, "project");
    const { stdout } = await execa("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
      cwd: projectRoot,
    });
    for (const file of stdout.split("\n").filter((file) => !/^Pulumi\..+\.yaml$/.test(file)))
      await cp(path.join(projectRoot, file), path.join(root, file), { preserveTimestamps: true }).catch(
        (error: NodeJS.ErrnoException) => {
          // Listed by git, but deleted in the work tree.
          if (error.code !== "ENOENT") throw error;
        },
      );
    await symlink(path.join(projectRoot, "node_modules"), path.join(root, "node_modules"));
    await mkdir(path.join(home, "state"));
    const workspace = new Workspace(root, stack, {
      PULUMI_BACKEND_URL: `file://${path.join(home, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase for tests",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      NO_COLOR: "1",
      // What is compiled is kept by the path of its file, so nobody else can use what this copy leaves.
      NODE_COMPILE_CACHE: path.join(home, "compiled"),
    });
    await workspace.writeConfig(config);
    return workspace;
  }

  get #configFile() {
    return path.join(this.root, `Pulumi.${this.stack}.yaml`);
  }

  /** Replaces the settings; the salt that `pulumi` has put into the file stays. */
  async writeConfig(config: Record<string, unknown>): Promise<void> {
    const before = await readFile(this.#configFile, "utf8").then(parse, () => ({}));
    await writeFile(
      this.#configFile,
      stringify({
        ...before,
        config: {
          "pulumi:disable-default-providers": ["docker", "postgresql"],
          // It calls at any moment, and tests count calls.
          "litellm-mcp:scheduledCheck": { enabled: false },
          ...config,
        },
      }),
    );
  }

  /** One key of the settings as it stands in the file, encrypted values included. */
  async configSection(key: string): Promise<Record<string, unknown>> {
    const { config } = parse(await readFile(this.#configFile, "utf8")) as { config: Record<string, unknown> };
    return key in config ? { [key]: config[key] } : {};
  }

  async run(
    command: string,
    args: readonly string[],
    options: { env?: Record<string, string> } = {},
  ): Promise<Finished> {
    const started = Date.now();
    const result = await execa(command, args, {
      cwd: this.root,
      env: { ...this.env, ...options.env },
      reject: false,
      all: true,
      stdin: "ignore",
    });
    this.#printed += `$ ${command} ${args.join(" ")}\n${result.all}\n`;
    return { exitCode: result.exitCode ?? 1, output: String(result.all), seconds: (Date.now() - started) / 1000 };
  }

  pulumi(...args: string[]): Promise<Finished> {
    return this.run("pulumi", [...args, "--stack", this.stack, "--non-interactive"]);
  }

  up(): Promise<Finished> {
    return this.pulumi("up", "--yes", "--parallel", "8", "--skip-preview");
  }

  upWithoutChanges(): Promise<Finished> {
    return this.pulumi("up", "--yes", "--parallel", "8", "--skip-preview", "--expect-no-changes");
  }

  previewWithoutChanges(): Promise<Finished> {
    return this.pulumi("preview", "--expect-no-changes", "--diff");
  }

  destroy(): Promise<Finished> {
    return this.pulumi("destroy", "--yes", "--parallel", "8");
  }

  /** Destroys what was deployed, prints what pulumi says if that fails, and removes this copy. */
  async end(): Promise<void> {
    const { exitCode, output } = await this.destroy();
    if (exitCode !== 0) console.error(output);
    await this.remove();
  }

  /** Stack outputs with secrets. Not by `run`, so that they do not count as printed. */
  async outputs(): Promise<{
    gateway: string;
    models: string;
    masterKey: string;
    clientKeys: Record<string, string>;
    tools: Record<string, string[]>;
    /** Tokens of adapters with a debug port. */
    serverTokens: Record<string, string>;
    /** With `monitoring.spend`. */
    spendPassword?: string;
    /** Of a stack with a Grafana. */
    grafanaPassword?: string;
  }> {
    const { stdout } = await execa("pulumi", ["stack", "output", "--json", "--show-secrets", "--stack", this.stack], {
      cwd: this.root,
      env: this.env,
    });
    return JSON.parse(stdout);
  }

  /** The state as it is stored, or with every secret in plain text. */
  async exportState(options: { showSecrets: boolean }): Promise<string> {
    const args = ["stack", "export", "--stack", this.stack, ...(options.showSecrets ? ["--show-secrets"] : [])];
    return (await execa("pulumi", args, { cwd: this.root, env: this.env })).stdout;
  }

  /** The administrator's password of a dedicated Postgres. */
  async postgresPassword(): Promise<string> {
    const { deployment } = JSON.parse(await this.exportState({ showSecrets: true })) as {
      deployment: { resources: { urn: string; outputs?: { result?: { plaintext: string } } }[] };
    };
    const password = deployment.resources.find(({ urn }) => urn.endsWith("::postgres-admin-password"));
    return JSON.parse(password!.outputs!.result!.plaintext) as string;
  }

  /** Everything that commands printed so far. */
  get printed(): string {
    return this.#printed;
  }

  readFile(file: string): Promise<string> {
    return readFile(path.join(this.root, file), "utf8");
  }

  /** Names of the MCP servers, sorted. */
  async serverFolders(): Promise<string[]> {
    return (await readdir(path.join(this.root, "mcp"))).filter((name) => !name.startsWith("_")).sort();
  }

  /** Adds a second `time` under another name, with its approved tools and another `server.yaml`. */
  async addTimeServer(name: string, edit: (text: string) => string): Promise<void> {
    await cp(path.join(this.root, "mcp/time"), path.join(this.root, "mcp", name), {
      recursive: true,
      preserveTimestamps: true,
    });
    await this.editFile(`mcp/${name}/server.yaml`, edit);
  }

  /** Adds the server `clock`, which is registered as `http`: no server that is on by default is. */
  addClock(): Promise<void> {
    return this.addTimeServer("clock", (text) => text.replace(/^transport: .*$/m, "$&\nregister: http"));
  }

  async editFile(file: string, edit: (text: string) => string): Promise<void> {
    const full = path.join(this.root, file);
    const before = await readFile(full, "utf8");
    const after = edit(before);
    if (after === before) throw new Error(`the edit of ${file} changed nothing`);
    await writeFile(full, after);
  }

  async remove(): Promise<void> {
    // A tunnel to Postgres ends by itself, some seconds after its last user, and writes what Node has compiled of it.
    await rm(path.dirname(this.root), { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
  }
}
