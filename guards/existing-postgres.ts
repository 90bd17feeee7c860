import type * as pulumi from "@pulumi/pulumi";
import pg from "pg";
import type { ExistingPostgres } from "../settings/settings.ts";

const CONNECT_TIMEOUT_MS = 15_000;

/** Why an existing Postgres does not let its administrator in; undefined when it does. */
export async function postgresProblem(
  { host, port, adminUser, sslmode, adminPasswordSecret }: ExistingPostgres,
  secret: (name: string) => pulumi.Output<string>,
): Promise<string | undefined> {
  const password = await new Promise<string>((resolve) => secret(adminPasswordSecret).apply(resolve));
  const client = new pg.Client({
    host,
    port,
    user: adminUser,
    password,
    database: "postgres",
    // As libpq reads sslmode: `require` encrypts and accepts any certificate.
    ssl: sslmode === "disable" ? false : { rejectUnauthorized: sslmode !== "require" },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return (
      `litellm-mcp:postgres (existing) refuses ${adminUser}@${host}:${port}: ${(error as Error).message}. ` +
      "Check host, port, adminUser and pg_hba.conf, and: " +
      `pulumi config set --secret --path 'litellm-mcp:secrets.${adminPasswordSecret}' <password>`
    );
  } finally {
    await client.end();
  }
}
