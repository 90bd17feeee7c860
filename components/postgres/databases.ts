import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** LiteLLM's own database. Never shared: on a database that is not empty its migration may drop foreign tables. */
const LITELLM_DATABASE = "litellm_db";
const LITELLM_ROLE = "litellm_user";

/** Where a server listens; one for Pulumi's provider, one for the containers. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
}

export interface DatabasesArgs {
  /** Plain settings, never outputs of a container: a provider whose address is unknown during a plan replaces its databases. */
  readonly admin: PostgresAddress & {
    readonly user: string;
    readonly password: pulumi.Input<string>;
    readonly sslmode: string;
  };
  /** The server as the containers reach it. */
  readonly fromContainers: PostgresAddress;
  /** What the read-only role may read. */
  readonly readOnly: {
    readonly role: string;
    readonly database: string;
    /** Make the database; false: it exists already. */
    readonly create: boolean;
    readonly schemas: readonly string[];
  };
  readonly protect: boolean;
  /** The dedicated server's container; its databases cannot be made before it is healthy. */
  readonly dependsOn: readonly pulumi.Resource[];
  /** The dedicated server's volume: destroyed with it, databases and roles need no server that still answers. */
  readonly deletedWith: pulumi.Resource | undefined;
}

/** `litellm_db` with its owner `litellm_user`, and a role that can only read for the Postgres MCP server. */
export class Databases extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:postgres:Databases";
  readonly litellm: postgresql.Database;
  /** Connection URL of `litellm_user`, secret. */
  readonly litellmUrl: pulumi.Output<string>;
  /** Connection URL of the read-only role, secret; also forces read-only transactions. */
  readonly readOnlyUrl: pulumi.Output<string>;

  constructor(name: string, args: DatabasesArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Databases.TYPE, name, {}, opts);
    const provider = new postgresql.Provider(
      `${name}-provider`,
      {
        host: args.admin.host,
        port: args.admin.port,
        username: args.admin.user,
        password: args.admin.password,
        sslmode: args.admin.sslmode,
        superuser: true,
        // One connection dead-locks with itself.
        maxConnections: 4,
      },
      { parent: this, dependsOn: [...args.dependsOn] },
    );
    const managed = { parent: this, provider, ...(args.deletedWith && { deletedWith: args.deletedWith }) };

    const role = (roleName: string, connectionLimit: number) => {
      // Letters and digits only: the password becomes part of a URL.
      const password = new random.RandomPassword(
        `${name}-${roleName}-password`,
        { length: 32, special: false },
        { parent: this },
      );
      return new postgresql.Role(
        `${name}-${roleName}`,
        { name: roleName, login: true, password: password.result, connectionLimit },
        managed,
      );
    };
    const url = (account: postgresql.Role, database: pulumi.Input<string>, query: string) =>
      pulumi.secret(
        pulumi.interpolate`postgresql://${account.name}:${account.password}@${args.fromContainers.host}:${args.fromContainers.port}/${database}${query}`,
      );

    const owner = role(LITELLM_ROLE, -1);
    this.litellm = new postgresql.Database(
      `${name}-${LITELLM_DATABASE}`,
      { name: LITELLM_DATABASE, owner: owner.name },
      { ...managed, protect: args.protect },
    );
    this.litellmUrl = url(owner, this.litellm.name, "");

    const { database, schemas } = args.readOnly;
    const reader = role(args.readOnly.role, 10);
    const readable = args.readOnly.create
      ? new postgresql.Database(
          `${name}-${database}`,
          { name: database, owner: args.admin.user },
          { ...managed, protect: args.protect },
        )
      : undefined;
    const databaseName = readable?.name ?? pulumi.output(database);
    const grants: pulumi.Resource[] = [
      new postgresql.Grant(
        `${name}-connect`,
        { database: databaseName, role: reader.name, objectType: "database", privileges: ["CONNECT"] },
        managed,
      ),
    ];
    for (const schema of schemas) {
      const where = { database: databaseName, role: reader.name, schema };
      grants.push(
        new postgresql.Grant(
          `${name}-usage-${schema}`,
          { ...where, objectType: "schema", privileges: ["USAGE"] },
          managed,
        ),
        new postgresql.Grant(
          `${name}-select-${schema}`,
          { ...where, objectType: "table", privileges: ["SELECT"] },
          managed,
        ),
        new postgresql.DefaultPrivileges(
          `${name}-select-future-${schema}`,
          { ...where, owner: args.admin.user, objectType: "table", privileges: ["SELECT"] },
          managed,
        ),
      );
    }
    // Restricted mode of the MCP server can be got round; a session that starts read-only and a role without rights cannot write.
    // The grants come first: a server that starts before them lists no tables.
    const readOnlyUrl = url(reader, database, "?options=-c%20default_transaction_read_only%3Don");
    this.readOnlyUrl = pulumi.secret(
      pulumi.all([readOnlyUrl, grants.map((grant) => grant.urn)]).apply(([text]) => text),
    );

    this.registerOutputs({ litellm: this.litellm.name });
  }
}
