import { Command, Option } from "commander";
import pc from "picocolors";
import { deploysHere, imagesOf, prepare } from "../bootstrap/prepare.ts";
import { shownError } from "./doctor/said.ts";

/** A command as `npm run <name> -- …` starts it; `main` runs it. */
export const command = (name: string, description: string): Command =>
  new Command(`npm run ${name} --`).description(description);

export const stackOption = (description = "deployed stack"): Option =>
  new Option("--stack <name>", description).default("local");

/** For commands that show data, so that other programs can read it. */
export const jsonOption = (): Option => new Option("--json", "print JSON (with npm run --silent, nothing else)");

export const printJson = (data: unknown): void => console.log(JSON.stringify(data, undefined, 2));

/** For commands that ask servers in throw-away containers: what these may be given, beside nothing. */
export const withGrants = (to: Command): Command =>
  to
    .option("--with-env", "to a throw-away container: the server's variables of the stack")
    .option("--with-secrets", "to a throw-away container: the server's secrets of the stack")
    .option("--with-network", "to a throw-away container: a network, if the server is made to have one");

/** `--stack` as messages repeat it, after `npm run <name>`; nothing for the stack that is the default. */
export const stackArguments = (stack: string): string => (stack === "local" ? "" : ` -- --stack ${stack}`);

/**
 * A hook for a command that needs this machine prepared: it finds or makes Pulumi and its plug-ins, and for "host" also the
 * Docker engine and the images of a stack that deploys to this machine. A hook, because neither `--help` nor a command line
 * that is refused should take minutes.
 */
export const prepared = (needs: "pulumi" | "host") => async (_program: Command, action: Command) => {
  const { stack, yes = false } = action.opts<{ stack: string; yes?: boolean }>();
  const engine = needs === "host" && (await deploysHere(stack));
  Object.assign(process.env, await prepare({ yes, engine, images: engine ? await imagesOf(stack) : [] }));
};

/** Options that npm has as well; these variables may come from an .npmrc. */
const OPTIONS_OF_NPM = ["--yes", "--all", "--json"];

/**
 * `npm run verify --stack lan` gives `--stack` to npm, which keeps it in a variable and does not pass it on: the command would
 * run on another stack than the one that was named.
 *
 * @throws Error that says what to write.
 */
export function refuseSwallowed(program: Command, env: Readonly<Record<string, string | undefined>>): void {
  const options = [program, ...program.commands].flatMap((one) => one.options.map(({ long }) => long ?? ""));
  const swallowed = options.find(
    (option) => !OPTIONS_OF_NPM.includes(option) && env[`npm_config_${option.slice(2).replaceAll("-", "_")}`],
  );
  if (swallowed)
    throw new Error(
      `npm took ${swallowed} for an option of its own. Write it after --:  ${program.name()} ${swallowed} …`,
    );
}

/**
 * Runs the command of a file when Node was started with that file, and not when a test or another command imports it. An
 * error becomes a red message and exit code 1.
 *
 * @param file The caller's import.meta.filename.
 */
export async function main(file: string, program: Command): Promise<void> {
  if (file !== process.argv[1]) return;
  try {
    refuseSwallowed(program, process.env);
    await program.parseAsync();
  } catch (error) {
    console.error(pc.red(shownError(error as Error)));
    process.exitCode = 1;
  }
}
