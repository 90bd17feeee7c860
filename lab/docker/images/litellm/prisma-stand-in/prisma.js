#!/usr/bin/env node
// STAND-IN for the `prisma` command that LiteLLM runs at its start: `prisma migrate deploy` in a folder with
// migrations/*/migration.sql, kept in `_prisma_migrations` as Prisma keeps it. Other commands do nothing, successfully.
"use strict";
const { createHash, randomUUID } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { Client } = require("pg");
const { plainUrl } = require("./database-url.js");

/** Prisma's own advisory lock, so that two that start at once migrate one after the other. */
const MIGRATION_LOCK = 72707369;

async function migrate(folder) {
  const client = new Client({ connectionString: plainUrl(process.env.DATABASE_URL) });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    const { rows } = await client.query(
      `SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS known, EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public') AS used`,
    );
    if (rows[0].used && !rows[0].known) throw new Error("P3005\n\nThe database schema is not empty.");
    await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
      logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)`);
    const applied = await client.query("SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL");
    const done = new Set(applied.rows.map((row) => row.migration_name));
    const pending = fs
      .readdirSync(folder)
      .sort()
      .filter((name) => !done.has(name) && fs.existsSync(path.join(folder, name, "migration.sql")));
    for (const name of pending) {
      const sql = fs.readFileSync(path.join(folder, name, "migration.sql"), "utf8");
      console.log(`Applying migration \`${name}\``);
      await client.query(sql);
      await client.query(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ($1, $2, now(), $3, 1)",
        [randomUUID(), createHash("sha256").update(sql).digest("hex"), name],
      );
    }
    console.log(pending.length ? "All migrations have been successfully applied." : "No pending migrations to apply.");
  } finally {
    await client.end();
  }
}

const [command, subcommand] = process.argv.slice(2);
if (command === "migrate" && subcommand === "deploy")
  migrate(path.join(process.cwd(), "migrations")).catch((error) => {
    console.error(`Error: ${error.message}`);
    process.exitCode = 1;
  });
