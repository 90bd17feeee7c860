import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import {
  type ExistingPostgres,
  LOOPBACK,
  type PostgresSettings,
  type Settings,
  type SslMode,
} from "../../settings/settings.ts";
import { rolePasswordOf } from "../resource-names.ts";
import { ReadOnlyExtensions } from "./read-only-extensions.ts";
import { POSTGRES_ADMIN, POSTGRES_PORT, PostgresServer } from "./postgres-server.ts";

/** LiteLLM's own database. Never shared: on a database that is not empty its migration may drop foreign tables. */
export const LITELLM_DATABASE = "litellm_db";
export const LITELLM_ROLE = "litellm_user";

export interface DatabasesArgs {
  readonly settings: Pick<Settings, "postgres" | "monitoring">;
  /** The dedicated Postgres; undefined for an existing one. */
  readonly server: PostgresServer | undefined;
  readonly adminPassword: pulumi.Input<string>;
}

/** Reads figures of spend, where the stack is told so, and nothing else. */
export const SPEND_ROLE = "spend_reader";
/** In LiteLLM's database. It is the stack's and not LiteLLM's: no backup puts it back. */
export const SPEND_SCHEMA = "litellm_mcp_spend";

export interface AdminLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly sslmode: SslMode;
}

/**
 * How Pulumi's provider logs in. Plain settings, never outputs of a container: a provider whose address is unknown in a
 * preview replaces its databases.
 */
export const adminLogin = (postgres: PostgresSettings): AdminLogin =>
  postgres.kind === "dedicated"
    ? { host: LOOPBACK, port: postgres.localPort, username: POSTGRES_ADMIN, sslmode: "disable" }
    : { ...wayFromHere(postgres), username: postgres.adminUser, sslmode: postgres.sslmode ?? "require" };

/** Where an existing server is for what runs on this machine. */
export const wayFromHere = ({ host, port, network }: Pick<ExistingPostgres, "host" | "port" | "network">) =>
  network ? { host: LOOPBACK, port: network.localPort } : { host, port };

/** Postgres as the containers reach it. */
export const addressInside = (postgres: PostgresSettings) =>
  postgres.kind === "dedicated" ? `${PostgresServer.HOST}:${POSTGRES_PORT}` : `${postgres.host}:${postgres.port}`;

/** The network by which a container that is no MCP server reaches it. */
export const networkTo = (postgres: PostgresSettings): "postgres" | "egress" =>
  postgres.kind === "dedicated" || postgres.network !== undefined ? "postgres" : "egress";

/** `litellm_db` with its owner `litellm_user`, and a role that can only read for the Postgres MCP server. */
export class Databases extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:postgres:Databases";
  readonly litellm: postgresql.Database;
  /** Connection URL of `litellm_user`, secret. */
  readonly litellmUrl: pulumi.Output<string>;
  /** Connection URL of the read-only role, secret; also forces read-only transactions. */
  readonly readOnlyUrl: pulumi.Output<string>;
  /** Password of `spend_reader`, secret; undefined where there is none. */
  readonly spendPassword: pulumi.Output<string> | undefined;

  constructor(name: string, args: DatabasesArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Databases.TYPE, name, {}, opts);
    const { server, adminPassword } = args;
    const { postgres, monitoring } = args.settings;
    const login = adminLogin(postgres);
    const provider = new postgresql.Provider(
      `${name}-provider`,
      // With one connection the provider waits for itself for ever.
      { ...login, password: adminPassword, superuser: true, maxConnections: 4 },
      { parent: this, dependsOn: server ? [server.health] : [] },
    );
    // A dedicated server is deleted with its volume: its databases and roles then need no server that still answers.
    const managed = { parent: this, provider, ...(server && { deletedWith: server.volume }) };

    const role = (roleName: string, connectionLimit: number, more: postgresql.RoleArgs = {}) => {
      // Letters and digits only: the password becomes part of a URL.
      const password = new random.RandomPassword(
        rolePasswordOf(name, roleName),
        { length: 32, special: false },
        { parent: this },
      );
      return new postgresql.Role(
        `${name}-${roleName}`,
        { name: roleName, login: true, password: password.result, connectionLimit, ...more },
        managed,
      );
    };
    const database = (databaseName: string, owner: pulumi.Input<string>) =>
      new postgresql.Database(
        `${name}-${databaseName}`,
        { name: databaseName, owner },
        { ...managed, protect: postgres.protect },
      );
    const url = (account: postgresql.Role, databaseName: pulumi.Input<string>, query: string) =>
      pulumi.secret(
        pulumi.interpolate`postgresql://${account.name}:${account.password}@${addressInside(postgres)}/${databaseName}${query}`,
      );

    const owner = role(LITELLM_ROLE, -1);
    this.litellm = database(LITELLM_DATABASE, owner.name);
    this.litellmUrl = url(owner, this.litellm.name, "");

    const { readOnly } = postgres;
    const reader = role(readOnly.role, 10);
    const readable = readOnly.create
      ? database(readOnly.database, login.username).name
      : pulumi.output(readOnly.database);
    const grants = [
      ...grantReading(name, reader, readable, postgres, managed),
      ...extensionsFor(`${name}-extensions`, postgres, login, adminPassword, reader, readable, {
        parent: this,
        ...(server && { deletedWith: server.volume, dependsOn: [server.health] }),
      }),
    ];
    // The MCP server's own restricted mode can be bypassed; a role without rights, in a session that starts read-only,
    // cannot write. The URL waits for the grants: a server that starts before them lists no tables.
    const readOnlyUrl = url(reader, readOnly.database, "?options=-c%20default_transaction_read_only%3Don");
    this.readOnlyUrl = pulumi.secret(
      pulumi.all([readOnlyUrl, grants.map((grant) => grant.urn)]).apply(([text]) => text),
    );

    if (monitoring?.spend) {
      const { password } = role(SPEND_ROLE, 5, { statementTimeout: 30_000 });
      this.spendPassword = pulumi.secret(password.apply((text) => text!));
    }

    this.registerOutputs({ litellm: this.litellm.name });
  }
}

/** What the reader's tools need of extensions; nothing where none is wanted. */
function extensionsFor(
  name: string,
  { readOnly }: PostgresSettings,
  server: AdminLogin,
  password: pulumi.Input<string>,
  reader: postgresql.Role,
  database: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  if (!readOnly.extensions.length) return [];
  const inputs = { server, password: pulumi.secret(password), database, role: reader.name };
  return [new ReadOnlyExtensions(name, { ...inputs, extensions: readOnly.extensions }, opts)];
}

/** Lets a role connect to a database and read what is in its schemas, now and later. */
function grantReading(
  name: string,
  reader: postgresql.Role,
  database: pulumi.Output<string>,
  postgres: PostgresSettings,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const to = { database, role: reader.name };
  return [
    new postgresql.Grant(`${name}-connect`, { ...to, objectType: "database", privileges: ["CONNECT"] }, opts),
    ...postgres.readOnly.schemas.flatMap((schema) => [
      new postgresql.Grant(
        `${name}-usage-${schema}`,
        { ...to, schema, objectType: "schema", privileges: ["USAGE"] },
        opts,
      ),
      // Of a sequence it may read how far it is, which the server's look at the health of a database asks for.
      ...(["table", "sequence"] as const).flatMap((objectType) => {
        const of = objectType === "table" ? "" : "-sequences";
        const select = { ...to, schema, objectType, privileges: ["SELECT"] };
        return [
          new postgresql.Grant(`${name}-select${of}-${schema}`, select, opts),
          new postgresql.DefaultPrivileges(
            `${name}-select-future${of}-${schema}`,
            { ...select, owner: adminLogin(postgres).username },
            opts,
          ),
          ...laterOwners(postgres).map(
            (owner) =>
              new postgresql.DefaultPrivileges(
                `${name}-select-future${of}-${schema}-${owner}`,
                { ...select, owner },
                opts,
              ),
          ),
        ];
      }),
    ]),
  ];
}

/** Each once; the administrator's own tables are granted anyway. */
const laterOwners = (postgres: PostgresSettings) =>
  [...new Set(postgres.readOnly.owners)].filter((owner) => owner !== adminLogin(postgres).username);
