import { homedir } from "node:os";
import { confirm } from "@clack/prompts";
import pc from "picocolors";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { POSTGRES_ADMIN } from "../components/postgres/postgres-server.ts";
import {
  adapterTokenOf,
  adminPasswordOf,
  clientKey,
  containerOf,
  DATABASES,
  GRAFANA,
  keyValueOf,
  LISTING_KEY,
  SCHEDULED_CHECK_KEY,
  LITELLM,
  masterKeyOf,
  mcpServer,
  POSTGRES,
  REDIS,
  redisPasswordOf,
  rolePasswordOf,
} from "../components/resource-names.ts";
import { agree } from "./agree.ts";
import { command, main, prepared, stackOption } from "./command.ts";
import { clientsFolder, renewFiles } from "./client-apps/renew.ts";
import type { Written } from "./client-apps/write.ts";
import { deploy } from "./deploy.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";
import { recover } from "./recovery/recover.ts";
import type { Password } from "./stored-state.ts";
import { runInContainer } from "../components/docker/run-in-container.ts";

/** Everything on the command line. */
export interface Options {
  readonly stack: string;
  readonly client?: readonly string[];
  readonly master?: boolean;
  readonly databases?: boolean;
  readonly servers?: boolean;
  readonly grafana?: boolean;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** What is replaced, in this order; URNs. */
export interface Plan {
  /** Password of the administrator of the stack's own Postgres. */
  readonly admin: string | undefined;
  /** What LiteLLM and others are started with: master key, passwords of the databases, tokens of the adapters; Grafana's password. */
  readonly services: readonly string[];
  /** Keys in LiteLLM. After the master key, because Pulumi deletes a replaced key with the master key it was made with. */
  readonly keys: readonly string[];
  readonly clients: readonly string[];
  /** A line each, for whoever is asked. */
  readonly summary: readonly string[];
}

const ADMIN = adminPasswordOf(POSTGRES);
/** Keys of the program itself. */
const OWN_KEYS = [LISTING_KEY, SCHEDULED_CHECK_KEY].map(keyValueOf);
const MASTER = masterKeyOf(LITELLM);
const REDIS_PASSWORD = redisPasswordOf(REDIS);
const GRAFANA_PASSWORD = adminPasswordOf(GRAFANA);
const clientOf = (name: string) => new RegExp(`^${keyValueOf(clientKey("(.+)"))}$`).exec(name)?.[1];
const isDatabase = (name: string) => new RegExp(`^${rolePasswordOf(DATABASES, ".+")}$`).test(name);

const isServerToken = (name: string) => new RegExp(`^${adapterTokenOf(mcpServer(".+"))}$`).test(name);

const SALT_KEY = `LiteLLM's salt key stays. It encrypts what LiteLLM itself stores in its database: models and credentials that somebody added in
its UI (general_settings.store_model_in_db), which nothing could read with another key; LiteLLM has no command that encrypts them
with another. This program stores nothing that way: models and their secrets are in the stack, keys of clients are stored as hashes. If
somebody may have read the salt key and the database: delete in LiteLLM's UI what was added there, change those credentials where
they come from, and add them again. Where nothing was added, the salt key opens nothing. Only a new stack has another.`;

/** Secrets in the stack's file come from elsewhere, so this program cannot change them. */
const FOREIGN = `Secrets of the stack's settings (keys of model providers, the password of an existing Postgres, tokens of servers) are changed where they
come from: pulumi config set --secret --path 'litellm-mcp:secrets.NAME', then npm run up.`;

/**
 * Which passwords of the stack are replaced.
 *
 * @throws Error that says what can be chosen.
 */
export function plan(
  { stack, client = [], master = false, databases = false, servers = false, grafana = false, all = false }: Options,
  passwords: readonly Pick<Password, "urn" | "name">[],
): Plan {
  const known = passwords.flatMap(({ name }) => clientOf(name) ?? []);
  if (!known.length) throw notDeployed(stack);
  const unknown = client.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--client ${unknown}: stack ${stack} has the clients ${known.join(", ")}`);
  if (!client.length && !master && !databases && !servers && !grafana && !all)
    throw new Error("nothing chosen: --client NAME, --master, --databases, --servers, --grafana or --all");
  const hasGrafana = passwords.some(({ name }) => name === GRAFANA_PASSWORD);
  if (grafana && !hasGrafana) throw new Error(`--grafana: stack ${stack} has no Grafana`);

  const chosen = (wanted: (name: string) => boolean) =>
    passwords.filter(({ name }) => wanted(name)).map(({ urn }) => urn);
  const clients = all ? known : known.filter((name) => client.includes(name));
  const admin = databases || all ? chosen((name) => name === ADMIN)[0] : undefined;
  const services = chosen(
    (name) =>
      ((master || all) && name === MASTER) ||
      ((databases || all) && (isDatabase(name) || name === REDIS_PASSWORD)) ||
      ((servers || all) && isServerToken(name)) ||
      ((grafana || all) && name === GRAFANA_PASSWORD),
  );
  return {
    admin,
    services,
    keys: chosen((name) => clients.includes(clientOf(name) ?? "") || (all && OWN_KEYS.includes(name))),
    clients,
    summary: [
      ...(master || all ? ["LiteLLM's master key: LiteLLM is replaced"] : []),
      ...(databases || all
        ? ["passwords of the databases' users: LiteLLM and the Postgres MCP server are replaced"]
        : []),
      ...((databases || all) && passwords.some(({ name }) => name === REDIS_PASSWORD)
        ? ["password of Redis: it is replaced, with the answers that it keeps"]
        : []),
      ...(servers || all ? ["tokens of the MCP servers' adapters: the adapters and LiteLLM are replaced"] : []),
      ...((grafana || all) && hasGrafana ? ["password of Grafana's user admin: Grafana is told, and goes on"] : []),
      ...(admin ? ["password of Postgres's administrator: Postgres is replaced, its data stays"] : []),
      ...clients.map((name) => `key of client ${name}: the old one is refused as soon as the new one works`),
      ...(all ? ["the ingress's own key: the ingress is replaced, nobody is served for some seconds"] : []),
    ],
  };
}

/**
 * What is left to do for the people behind the clients.
 *
 * @param renewed Files of this user that have the new keys already.
 */
export function nextSteps(
  stack: string,
  clients: readonly string[],
  renewed: readonly Pick<Written, "file">[],
): string {
  if (!clients.length) return "No client's key has changed, so nobody has to be told.";
  const option = stack === "local" ? "" : ` --stack ${stack}`;
  return [
    `The old keys of these clients are refused; tell whoever uses them: ${clients.join(", ")}`,
    ...(renewed.length
      ? ["Files on this machine that have the new key now:", ...renewed.map(({ file }) => `  ${file}`)]
      : []),
    "To write files elsewhere, and for apps of other users:",
    ...clients.map((name) => `  npm run clients --${option} --client ${name}`),
  ].join("\n");
}

async function rotate(options: Options): Promise<void> {
  const { stack } = options;
  const pulumi = await Pulumi.existing(stack);
  const before = await pulumi.passwords();
  const { admin, services, keys, clients, summary } = plan(options, before);
  console.log(`Replaced in stack ${pc.bold(stack)}:\n${summary.map((line) => `  - ${line}`).join("\n")}`);
  console.log(`Changes of the settings that are not deployed yet are deployed with it.\n\n${SALT_KEY}\n\n${FOREIGN}\n`);
  await agree(options, () => confirm({ message: "Replace them?", initialValue: false }));
  await recover(pulumi);

  const incomplete = (error: Error) => {
    throw new Error(
      `${error.message}\nNot everything was replaced: run the command again; a client's old key works unless its new one does.`,
      { cause: error },
    );
  };
  if (admin) {
    if ((await pulumi.replaceAlone(admin)) !== 0) incomplete(new Error("Read the message above."));
    await tellPostgres(pulumi);
  }
  if (admin || services.length) await deploy(pulumi, services).catch(incomplete);
  const old = before.filter(({ urn, name }) => keys.includes(urn) && clientOf(name));
  if (keys.length) {
    await deploy(pulumi, keys).catch(incomplete);
    await refused(pulumi, old);
  }
  const renewed = await renewOnThisMachine(pulumi, old).catch(({ message }: Error) => {
    console.error(pc.red(`Files of clients on this machine still have old keys: ${message}`));
    process.exitCode = 1;
    return [];
  });
  console.log(`\n${pc.green("Replaced.")} ${nextSteps(stack, clients, renewed)}`);
}

/** Gives the new keys to the files of this user's apps. */
async function renewOnThisMachine(pulumi: Pulumi, old: readonly Password[]): Promise<readonly Written[]> {
  if (!old.length) return [];
  const { gateway, models, clientKeys } = await pulumi.outputs();
  const clients = old.map(({ name, value }) => {
    const client = clientOf(name)!;
    return { access: { client, gateway, models, key: clientKeys[client]! }, oldKey: `sk-${value}` };
  });
  const user = { home: homedir(), platform: process.platform, env: process.env };
  return renewFiles(clients, clientsFolder(pulumi.stack), user);
}

/**
 * Gives the administrator the password that is in the state now. The image applies one only when it makes the volume. Inside the
 * container the administrator needs none, so a rotation that was interrupted here is completed by running it again.
 */
async function tellPostgres(pulumi: Pulumi): Promise<void> {
  const [check, container, passwords] = [
    await pulumi.gatewayCheck(),
    await pulumi.containerName(containerOf(POSTGRES)),
    await pulumi.passwords(),
  ];
  const password = passwords.find(({ name }) => name === ADMIN)?.value;
  if (!check || !container || !password)
    throw new Error(
      "Postgres has its old password: the state has no gateway check, container or password of it. Run npm run rotate -- --databases again",
    );
  // Letters and digits only: it needs no quoting. Through standard input: a command line is for everybody on the host to read.
  const statement = `ALTER ROLE ${POSTGRES_ADMIN} PASSWORD '${password}';\n`;
  const { exitCode, stderr } = await runInContainer(
    connectDocker(check.docker),
    container,
    ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", POSTGRES_ADMIN],
    statement,
  );
  if (exitCode !== 0)
    throw new Error(
      `Postgres has its old password, the state the new one: psql in container ${container} says ${stderr.replaceAll(password, "…")}. Run npm run rotate -- --databases again`,
    );
}

/** @throws Error when the gateway still takes one of these. */
async function refused(pulumi: Pulumi, old: readonly Password[]): Promise<void> {
  const { gatewayUrl } = await pulumi.rights();
  for (const { name, value } of old) {
    const { ok, status } = await fetch(`${gatewayUrl}/v1/models`, { headers: { authorization: `Bearer sk-${value}` } });
    if (ok)
      throw new Error(
        `the old key of client ${clientOf(name)} still works: HTTP ${status} from ${gatewayUrl}/v1/models`,
      );
  }
}

await main(
  import.meta.filename,
  command("rotate", "Replaces secrets of a deployed stack that the program has made up, by an npm run up.")
    .addOption(stackOption())
    .option("--client <name...>", "keys of these clients; each old key works until the new one does")
    .option("--master", "LiteLLM's master key")
    .option(
      "--databases",
      "passwords of litellm_user, of the users that only read, of the administrator of a Postgres of the stack's own, and of Redis",
    )
    .option("--servers", "the tokens that LiteLLM sends to the MCP servers' adapters")
    .option("--grafana", "the password of Grafana's user admin")
    .option("--all", "all of these, and the key with which the ingress lists tools")
    .option("--yes", "do not ask")
    .addHelpText("after", `\n${SALT_KEY}\n\n${FOREIGN}`)
    .hook("preAction", prepared("pulumi"))
    .action(rotate),
);
