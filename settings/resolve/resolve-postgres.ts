import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";
import { type Context, type Parsed, stackPath } from "../context.ts";
import type { StackConfig } from "../schemas/stack-schema.ts";
import { type ExistingNetworks, POSTGRES_ADMIN_PASSWORD, type PostgresSettings } from "../settings.ts";
import { isSshHost } from "./ssh-options.ts";

/** The networks that somebody else made: those that are written, and the one on which an existing Postgres is. */
export function resolveNetworks(
  { existingNetworks, postgres }: Pick<Parsed, "existingNetworks" | "postgres">,
  { stackFile, problems }: Pick<Context, "stackFile" | "problems">,
): ExistingNetworks {
  const { mcp, postgres: written } = existingNetworks ?? {};
  const ofPostgres = postgres?.kind === "existing" ? postgres.network : undefined;
  if (written !== undefined && ofPostgres !== undefined && written !== ofPostgres)
    problems.add(
      stackFile,
      stackPath("existingNetworks", "postgres"),
      written,
      `leave it out: ${stackPath("postgres", "network")} is ${ofPostgres}`,
    );
  const onPostgres = ofPostgres ?? written;
  if (mcp !== undefined && mcp === onPostgres)
    problems.add(
      stackFile,
      stackPath("existingNetworks", "mcp"),
      mcp,
      "another network than that of Postgres: every MCP server would reach Postgres",
    );
  return { ...(mcp !== undefined && { mcp }), ...(onPostgres !== undefined && { postgres: onPostgres }) };
}

export function resolvePostgres(
  postgres: StackConfig["postgres"],
  dockerHost: string | undefined,
  context: Context,
): PostgresSettings {
  return postgres.kind === "dedicated"
    ? dedicated(postgres, dockerHost, context)
    : existing(postgres, dockerHost ?? "", context);
}

type Written<K> = Extract<StackConfig["postgres"], { kind: K }>;

function dedicated(
  postgres: Written<"dedicated">,
  dockerHost: string | undefined,
  { stackFile, problems }: Context,
): PostgresSettings {
  const { memory, tunnelPort, ...rest } = postgres;
  const overSsh = dockerHost !== undefined && isSshHost(dockerHost);
  if (tunnelPort !== undefined && dockerHost !== undefined && !overSsh)
    problems.add(
      stackFile,
      stackPath("postgres", "tunnelPort"),
      tunnelPort,
      "leave it out: docker.host is a socket, not ssh://",
    );
  return {
    ...rest,
    memoryMiB: memory,
    localPort: overSsh ? (tunnelPort ?? stablePort(`${dockerHost} ${postgres.port}`)) : postgres.port,
  };
}

function existing(
  { network, tunnelPort, sslmode, ...rest }: Written<"existing">,
  dockerHost: string,
  { stackFile, problems, usedSecrets }: Context,
): PostgresSettings {
  usedSecrets.add(POSTGRES_ADMIN_PASSWORD);
  const problem = (key: string, found: unknown, write: string) =>
    problems.add(stackFile, stackPath("postgres", key), found, write);
  if (network === undefined && tunnelPort !== undefined)
    problem("tunnelPort", tunnelPort, "leave it out: without postgres.network there is no tunnel");
  if (network !== undefined && isIPv4(rest.host))
    problem("host", rest.host, `the name of its container on ${network}: addresses there change`);
  if (network !== undefined && sslmode === "verify-full")
    problem("sslmode", sslmode, "disable, require or verify-ca: with postgres.network, Pulumi reaches it by 127.0.0.1");
  return {
    ...rest,
    sslmode,
    network:
      network === undefined
        ? undefined
        : {
            name: network,
            localPort: tunnelPort ?? stablePort(`${dockerHost} ${network} ${rest.host} ${rest.port}`),
          },
    adminPasswordSecret: POSTGRES_ADMIN_PASSWORD,
  };
}

/**
 * The same port in every run: it is an input of Pulumi's provider, and another port would be a change in each preview.
 */
const stablePort = (target: string) => 20_000 + (createHash("sha256").update(target).digest().readUInt32BE(0) % 10_000);
