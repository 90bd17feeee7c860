import { execa } from "execa";
import type { GatewayCheckInputs } from "../components/gateway-check.provider.ts";
import { projectRoot, pulumiEnvironment } from "./environment.ts";
import { mapValues } from "../settings/map-values.ts";

/** More operations at once and sshd's MaxStartups drops connections (each operation opens one). */
const PARALLEL = "8";

/** The `pulumi` command for one stack, run in this project. */
export class Pulumi {
  readonly #stack: string;
  readonly #env: Record<string, string>;

  private constructor(stack: string, env: Record<string, string>) {
    this.#stack = stack;
    this.#env = env;
  }

  /** Makes the stack in the backend if it is not there yet. */
  static async open(stack: string): Promise<Pulumi> {
    const pulumi = new Pulumi(stack, await pulumiEnvironment());
    await pulumi.#capture(["stack", "select", "--create", stack]);
    return pulumi;
  }

  async #capture(args: readonly string[]): Promise<string> {
    const { stdout } = await execa("pulumi", [...args, "--non-interactive"], { cwd: projectRoot, env: this.#env });
    return stdout;
  }

  async #show(args: readonly string[]): Promise<number> {
    // Ctrl-C reaches pulumi as well, which then ends in order; gone before it, we would leave it running behind the prompt.
    const stay = () => {};
    process.on("SIGINT", stay);
    const { exitCode } = await execa("pulumi", [...args, "--stack", this.#stack], {
      cwd: projectRoot,
      env: this.#env,
      stdio: "inherit",
      reject: false,
    });
    process.off("SIGINT", stay);
    return exitCode ?? 1;
  }

  /** Deploys; pulumi's own progress goes to the terminal. Resolves to its exit code. */
  up(): Promise<number> {
    return this.#show(["up", "--yes", "--parallel", PARALLEL]);
  }

  /** Destroys everything of the stack; the stack itself, with its settings, stays. */
  down(): Promise<number> {
    return this.#show(["destroy", "--yes", "--parallel", PARALLEL]);
  }

  /** Stack outputs; secret ones are left out by pulumi ("[secret]"). */
  async outputs(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#capture(["stack", "output", "--json", "--stack", this.#stack])) as Record<string, unknown>;
  }

  /** What the stack's gateway check was given, keys included; undefined where nothing is deployed. */
  async gatewayCheck(): Promise<GatewayCheckInputs | undefined> {
    const text = await this.#capture(["stack", "export", "--show-secrets", "--stack", this.#stack]);
    const { deployment } = JSON.parse(text) as { deployment: { resources?: { urn: string; inputs?: Record<string, unknown> }[] } };
    const resource = deployment.resources?.find(({ urn }) => urn.endsWith("::gateway-check"));
    return resource?.inputs && (mapValues(resource.inputs, decrypted) as unknown as GatewayCheckInputs);
  }
}

/** An exported secret is a map with its JSON text under `plaintext`. */
const decrypted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "plaintext" in value ? JSON.parse(String(value.plaintext)) : value;
