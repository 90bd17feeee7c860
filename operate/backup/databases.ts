import { randomBytes } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { gzipSync } from "node:zlib";
import type Docker from "dockerode";
import { gone } from "../../components/docker/gone.ts";
import { SPEND_SCHEMA } from "../../components/postgres/databases.ts";
import { hasPostgres, postgresVersionOf } from "../../components/postgres/image-version.ts";
import { streamInContainer } from "../../components/docker/run-in-container.ts";
import type { Held } from "./held.ts";

/**
 * Prints the number of rows and the name of each table that a script of pg_dump fills. In its form each row is one line,
 * and a line of data is never `\.`.
 */
export const COUNT_ROWS = String.raw`awk '
  inside && $0 == "\\." { printf "%.0f\t%s\n", rows, table; inside = 0; next }
  inside { rows += 1; next }
  /^COPY .* FROM stdin;$/ { table = $0; sub(/^COPY /, "", table); sub(/ (\(.*\))? ?FROM stdin;$/, "", table); rows = 0; inside = 1 }'`;

export function parseRows(printed: string): Record<string, number> {
  return Object.fromEntries(
    printed
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const tab = line.indexOf("\t");
        return [line.slice(tab + 1), Number(line.slice(0, tab))];
      }),
  );
}

/** While it is not complete, and once another one is in its place. */
const incoming = (database: string) => `${database}_restoring`;
const outgoing = (database: string) => `${database}_replaced`;

const CONNECTED_WITHIN_SECONDS = 10;

/** What of a dump is restored. */
export interface Contents {
  /** As `pg_restore --list` prints them. */
  readonly lines: readonly string[];
  /** Extensions that are left out. */
  readonly missing: readonly string[];
}

/** Runs Postgres's own programs, of a version that fits, where they reach the stack's databases as administrator. */
export class PostgresTools {
  readonly #docker: Docker;
  readonly #container: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(docker: Docker, container: string, env: Readonly<Record<string, string>>) {
    this.#docker = docker;
    this.#container = container;
    this.#env = env;
  }

  #run(command: readonly string[], streams: { input?: Readable; output: Writable }): Promise<void> {
    return streamInContainer(this.#docker, this.#container, command, { ...streams, env: this.#env });
  }

  async #print(command: readonly string[], input?: Readable): Promise<string> {
    let printed = "";
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        printed += chunk.toString("utf8");
        done();
      },
    });
    await this.#run(command, { output, ...(input && { input }) });
    return printed;
  }

  async #sql(database: string, script: string): Promise<void> {
    const psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database];
    await this.#print(psql, Readable.from([script]));
  }

  /**
   * The one value that a query answers, as JSON.
   *
   * @throws Error with what psql says.
   */
  async ask(database: string, sql: string): Promise<unknown> {
    const login = `dbname=${database} connect_timeout=${CONNECTED_WITHIN_SECONDS}`;
    return JSON.parse(await this.#print(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", login, "-c", sql]));
  }

  /** As Postgres counts: 170006 is 17.6. */
  async version(): Promise<number> {
    return Number(await this.#print(["psql", "-XAt", "-d", "postgres", "-c", "SHOW server_version_num"]));
  }

  /** One moment of a database, in pg_dump's own compressed form. */
  dump(database: string, output: Writable): Promise<void> {
    return this.#run(["pg_dump", "--format=custom", "--lock-wait-timeout=60s", "--dbname", database], { output });
  }

  /**
   * Reads a dump to its end.
   *
   * @returns Rows by table.
   */
  async rowsOfDump(dump: Readable): Promise<Record<string, number>> {
    const script = `pg_restore --data-only --file=- | ${COUNT_ROWS}`;
    return parseRows(await this.#print(["bash", "-o", "pipefail", "-c", script], dump));
  }

  /**
   * What is in a dump, a line each, as `pg_restore --use-list` takes it, but for extensions that this Postgres does not have, and for
   * the views of figures of spend.
   *
   * @returns Undefined where all of it is restored.
   */
  async contentsWithoutMissing(dump: Readable): Promise<Contents | undefined> {
    // Read to its end, also what pg_restore does not need for this: whoever writes would be told that nobody listens.
    const script = 'pg_restore --list; outcome=$?; cat >/dev/null; exit "$outcome"';
    const list = await this.#print(["bash", "-c", script], dump);
    const has = (await this.ask("postgres", "SELECT json_agg(name) FROM pg_available_extensions")) as string[];
    return withoutMissing(list.split("\n"), has);
  }

  async #rowsOfDatabase(database: string): Promise<Record<string, number>> {
    const script = `pg_dump --data-only --dbname "$1" | ${COUNT_ROWS}`;
    return parseRows(await this.#print(["bash", "-o", "pipefail", "-c", script, "bash", database]));
  }

  /**
   * Restores a dump beside the database that is there, which stays as it is.
   *
   * @param contents What of it; left out: all.
   * @throws Error when it cannot be restored, or has other rows than it should.
   */
  async restoreBeside(
    database: string,
    dump: Readable,
    rows: Readonly<Record<string, number>>,
    contents?: Contents,
  ): Promise<void> {
    await this.#drop(incoming(database));
    // Who may connect belongs to a database and is not in its dump; Pulumi's grants are among it.
    await this.#sql(
      "postgres",
      `SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L', ${literal(incoming(database))},
         pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
       FROM pg_database WHERE datname = ${literal(database)} \\gexec
       SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', ${literal(incoming(database))})
       FROM pg_database WHERE datname = ${literal(database)} AND datacl IS NOT NULL \\gexec
       SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, ${literal(incoming(database))},
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
       FROM pg_database, aclexplode(datacl) WHERE datname = ${literal(database)} \\gexec
      `,
    );
    const restore = ["pg_restore", "--exit-on-error", "--dbname", incoming(database)];
    if (contents) {
      // An argument has at most 128 KiB.
      const list = gzipSync(contents.lines.join("\n")).toString("base64");
      const script = 'list=$1; shift; "$@" --use-list=<(base64 -d <<<"$list" | gunzip)';
      await this.#print(["bash", "-c", script, "bash", list, ...restore], dump);
    } else await this.#print(restore, dump);
    await this.#copySpendViews(database);
    const restored = await this.#rowsOfDatabase(incoming(database));
    const tables = [...new Set([...Object.keys(rows), ...Object.keys(restored)])].sort();
    const different = tables.find((table) => rows[table] !== restored[table]);
    if (different !== undefined)
      throw new Error(
        `${database}: table ${different} has ${restored[different] ?? "no"} rows after it was restored, and had ${rows[different] ?? "none"}`,
      );
  }

  /** They are those of the stack as it is now: a backup may be of before, or have them for a role that there is no longer. */
  async #copySpendViews(database: string): Promise<void> {
    const has = `SELECT to_json(to_regnamespace(${literal(SPEND_SCHEMA)}) IS NOT NULL)`;
    if (!(await this.ask(database, has))) return;
    const script = 'pg_dump --schema-only --schema="$1" --dbname "$2" | psql -X -q -v ON_ERROR_STOP=1 --dbname "$3"';
    const names = [SPEND_SCHEMA, database, incoming(database)];
    await this.#print(["bash", "-o", "pipefail", "-c", script, "bash", ...names]);
  }

  /** Puts what was restored beside them in the place of databases: all of them, or none. */
  async swap(databases: readonly string[]): Promise<void> {
    for (const database of databases) await this.#drop(outgoing(database));
    const renames = databases.flatMap((database) => [
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (${literal(database)}, ${literal(incoming(database))}) \\g /dev/null`,
      `ALTER DATABASE ${identifier(database)} RENAME TO ${identifier(outgoing(database))};`,
      `ALTER DATABASE ${identifier(incoming(database))} RENAME TO ${identifier(database)};`,
    ]);
    await this.#sql("postgres", ["BEGIN;", ...renames, "COMMIT;\n"].join("\n"));
    for (const database of databases) await this.#drop(outgoing(database));
  }

  /** Takes away what was restored beside a database and is not wanted. */
  async forget(databases: readonly string[]): Promise<void> {
    for (const database of databases) await this.#drop(incoming(database));
  }

  #drop(database: string): Promise<void> {
    return this.#sql(
      "postgres",
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${literal(database)} \\g /dev/null
       DROP DATABASE IF EXISTS ${identifier(database)};\n`,
    );
  }
}

/** The schema itself, what is in it, and the rights on both. */
const SPEND_LINE = new RegExp(
  String.raw`^\d+; \d+ \d+ (?:(?:ACL|COMMENT) - SCHEMA|SCHEMA -|ACL|COMMENT|FUNCTION|VIEW) ${SPEND_SCHEMA} `,
);

/**
 * @param lines As `pg_restore --list` prints them.
 * @param has Extensions that a Postgres has, created or not.
 */
export function withoutMissing(lines: readonly string[], has: readonly string[]): Contents | undefined {
  const missingIn = (line: string) => {
    const extension = / (?:EXTENSION - |COMMENT - EXTENSION )(\S+)/.exec(line)?.[1];
    return extension === undefined || has.includes(extension) ? [] : [extension];
  };
  const missing = [...new Set(lines.flatMap(missingIn))];
  const isLeftOut = (line: string) => missingIn(line).length > 0 || SPEND_LINE.test(line);
  if (!lines.some(isLeftOut)) return undefined;
  // Rights on what an extension brings are in a dump, and the things themselves are not.
  const made = lines.filter((line) => !line.includes(" ACL "));
  const isOnNothing = (line: string) => {
    const [, schema, name] = /(?<!DEFAULT) ACL ([^- ]\S*) [A-Z]+ (.+) \S+$/.exec(line) ?? [];
    return missing.length > 0 && name !== undefined && !made.some((one) => one.includes(` ${schema} ${name} `));
  };
  return { missing, lines: lines.filter((line) => !isLeftOut(line) && !isOnNothing(line)) };
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** A text within SQL. */
export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * Gives Postgres's programs. In the container of the stack's own Postgres they are there. For an existing one they run in a
 * container that is thrown away, on the networks of LiteLLM's: nothing is done in a container of somebody else.
 */
export async function withPostgresTools<T>(
  docker: Docker,
  { postgres, litellm, stackId }: Pick<Held, "postgres" | "litellm" | "stackId">,
  use: (tools: PostgresTools) => Promise<T>,
): Promise<T> {
  if (postgres.kind === "own") return use(new PostgresTools(docker, postgres.container, { PGUSER: postgres.user }));
  const { host, port, user, password, sslmode } = postgres;
  const { NetworkSettings } = await docker.getContainer(litellm.container).inspect();
  const [first = "bridge", ...others] = Object.keys(NetworkSettings.Networks);
  const container = await docker.createContainer({
    name: `litellm-mcp-postgres-tools-${randomBytes(4).toString("hex")}`,
    Image: await imageWithTools(docker),
    Entrypoint: ["sleep", "infinity"],
    Cmd: [],
    User: "65534:65534",
    Labels: { project: "litellm", ...(stackId !== undefined && { "litellm-mcp.backup-of": stackId }) },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      ...{ NetworkMode: first, Init: true, ReadonlyRootfs: true, AutoRemove: true },
      ...{ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges:true"], Memory: 512 * 2 ** 20 },
    },
  });
  try {
    for (const network of others) await docker.getNetwork(network).connect({ Container: container.id });
    await container.start();
    const env = {
      ...{ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGSSLMODE: sslmode },
      // What libpq asks for where it looks at the certificate: it takes those of the system only when it is told to.
      ...(sslmode.startsWith("verify") && { PGSSLROOTCERT: "system" }),
    };
    return await use(new PostgresTools(docker, container.id, env));
  } finally {
    await gone(container.remove({ force: true, v: true }));
  }
}

/** Nothing on the daemon has Postgres's programs. */
export class NoPostgresImage extends Error {}

/** The newest Postgres on the daemon: pg_dump reads servers that are older than itself, and refuses newer ones. */
async function imageWithTools(docker: Docker): Promise<string> {
  const found: { id: string; major: number }[] = [];
  for (const { Id, RepoTags } of await docker.listImages()) {
    const tag = RepoTags?.find(hasPostgres);
    if (tag !== undefined) found.push({ id: Id, major: (await postgresVersionOf(docker, tag, Id)) ?? 0 });
  }
  const [newest] = found.sort((a, b) => b.major - a.major);
  if (newest) return newest.id;
  throw new NoPostgresImage(
    "there is no image with pg_dump on the host. On it: docker pull postgres:17.6-trixie (or the version of your Postgres); then run the command again",
  );
}
