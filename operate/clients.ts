import { homedir } from "node:os";
import path from "node:path";
import { Option } from "commander";
import pc from "picocolors";
import type { Access, App, Place, User } from "./client-apps/app.ts";
import { apps, appsOf } from "./client-apps/apps.ts";
import { clientsFolder, filesOf } from "./client-apps/renew.ts";
import { writeAll } from "./client-apps/write.ts";
import { command, main, prepared, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";

/** One client's files for one app. */
interface Job {
  readonly client: string;
  readonly app: App;
  readonly place: Place;
}

/** Everything on the command line; `out` and `install` exclude each other. */
export interface Options {
  readonly stack: string;
  readonly client?: string;
  readonly app?: string;
  readonly out?: string;
  readonly install?: true;
}

/**
 * Which client's files go where.
 *
 * @param clients Names of the stack's clients.
 * @param folder Directory for files that are not installed, absolute.
 * @throws Error that names the option and what it may be.
 */
export function plan({ stack, client, app, install }: Options, clients: readonly string[], folder: string): Job[] {
  if (client !== undefined && !clients.includes(client))
    throw new Error(
      `--client ${client}: stack ${stack} has the clients ${clients.join(", ")}; others are added under litellm-mcp:clients in Pulumi.${stack}.yaml, then npm run up`,
    );
  // An app has one entry of ours, hence one client.
  const ofApp = (one: string) => apps.some(({ name }) => name === one && (app === undefined || app === name));
  const chosen = client !== undefined ? [client] : install ? clients.filter(ofApp) : clients;
  if (!chosen.length)
    throw new Error(
      `--install: no client of stack ${stack} has the name of ${app === undefined ? "an app" : `the app ${app}`}; choose one with --client: ${clients.join(", ")}`,
    );
  return chosen.flatMap((one) => {
    const its = app === undefined ? appsOf(one) : apps.filter(({ name }) => name === app);
    return its.map((each): Job => ({
      client: one,
      app: each,
      place: install ? { kind: "installed" } : { kind: "folder", folder: path.join(folder, one, each.name) },
    }));
  });
}

async function writeFiles(options: Options): Promise<void> {
  const { stack } = options;
  const { gateway, models, clientKeys } = await (await Pulumi.existing(stack)).outputs();
  const folder =
    options.out === undefined ? clientsFolder(stack) : path.resolve(process.env.INIT_CWD ?? process.cwd(), options.out);
  const user: User = { home: homedir(), platform: process.platform, env: process.env };

  const jobs = plan(options, Object.keys(clientKeys).sort(), folder).map((job) => {
    const access: Access = { client: job.client, gateway, models, key: clientKeys[job.client]! };
    return { ...job, access, wanted: filesOf(job.app, job.place, access, user) };
  });
  const [installable, others] = [
    jobs.filter(({ wanted }) => wanted.length),
    jobs.filter(({ wanted }) => !wanted.length),
  ];
  const titles = others.map(({ app }) => app.title).join(" and ");
  if (!installable.length)
    throw new Error(
      `--install: ${titles} reads no settings file of a user; without --install its files are written into a folder`,
    );

  const written = await writeAll(installable.flatMap(({ wanted }) => wanted));
  for (const { client, app, access, place, wanted } of installable) {
    console.log(`\n${pc.bold(app.title)}, client ${client}`);
    for (const { file, outcome, replaced, backup } of written.filter(({ file }) =>
      wanted.some((one) => one.file === file),
    )) {
      console.log(`  ${outcome.padEnd(9)}  ${file}`);
      if (replaced.length) console.log(`             replaced: ${replaced.join(", ")}`);
      if (backup) console.log(`             before: ${backup}`);
    }
    for (const line of app.next(place, access)) console.log(`  ${pc.dim("next")}       ${line}`);
  }
  if (titles)
    console.log(
      `\n${titles}: no settings file of a user to install into; without --install their files are written into a folder.`,
    );
  if (jobs.some(({ app }) => app.name === "vscode"))
    console.log(
      `\nKeys, to type them in: eval "$(npm run --silent env)"; pulumi stack output clientKeys --show-secrets --stack ${stack}`,
    );
}

await main(
  import.meta.filename,
  command(
    "clients",
    "Writes the files with which clients use the gateway of a deployed stack, each with its own key (mode 0600).",
  )
    .addOption(stackOption())
    .option(
      "--client <name>",
      "one client of the stack (default: all; with --install: those that have the name of an app)",
    )
    .addOption(
      new Option("--app <name>", "one app (default: the app of the client's own name, otherwise all)").choices(
        apps.map(({ name }) => name),
      ),
    )
    .addOption(
      new Option(
        "--out <dir>",
        "write to DIR/<client>/<app>/ (default: ~/.config/litellm-mcp/clients/<stack>)",
      ).conflicts("install"),
    )
    .option(
      "--install",
      "write into the files that this user's apps read; entries of others stay, and a file that changes is copied first",
    )
    .hook("preAction", prepared("pulumi"))
    .action(writeFiles),
);
