import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { cached, step } from "../../bootstrap/steps.ts";
import { docker } from "../e2e/docker.ts";
import { eventually } from "../e2e/gateway.ts";

const MANIFEST = ["package.json", "package-lock.json"] as const;
/** Of a few hundred, which name each change of its database. */
const LAST_LINES = 20;
const PASSWORD = randomBytes(12).toString("hex");

export interface RealN8n {
  readonly url: string;
  /** Of its owner, made as a person makes one. */
  readonly apiKey: string;
  /** Calls its own API, past the gateway. */
  readonly ask: (path: string) => Promise<unknown>;
  /** Deletes the API key, as its owner does in the browser. */
  readonly deleteKey: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * A real n8n of npm, in the version of package-lock.json, with its database in a Postgres container: its other one is
 * compiled while it is installed. Node 24, which it wants, comes along.
 *
 * @param address Where it listens, and its database.
 */
export async function startN8n(prefix: string, address: string, port: number): Promise<RealN8n> {
  const contents = await Promise.all(MANIFEST.map((name) => readFile(path.join(import.meta.dirname, name))));
  const folder = await cached("n8n", [process.platform, process.arch, ...contents], (dir) =>
    step("Install n8n", async (run) => {
      for (const name of MANIFEST) await copyFile(path.join(import.meta.dirname, name), path.join(dir, name));
      // The lock was written with this as well: npm 10 and 11 do not agree which packages n8n's peers are, and refuse each
      // other's lock.
      await run("npm", ["ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: dir });
    }),
  );
  const modules = path.join(folder, "node_modules");
  const node = path.join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
  const database = await startPostgres(`${prefix}n8n-postgres-of-the-test`, address, port + 1);
  const home = await mkdtemp(path.join(tmpdir(), "n8n-of-the-test-"));
  const program = execa(node, [path.join(modules, "n8n/bin/n8n"), "start"], {
    env: {
      PATH: `${path.dirname(node)}:/usr/bin:/bin`,
      ...{ HOME: home, N8N_USER_FOLDER: home, N8N_LISTEN_ADDRESS: address, N8N_PORT: String(port) },
      // The broker of its task runners, which would take a port that anybody may have.
      ...{
        N8N_RUNNERS_BROKER_PORT: String(port + 2),
        N8N_SECURE_COOKIE: "false",
        N8N_PERSONALIZATION_ENABLED: "false",
      },
      ...{
        N8N_DIAGNOSTICS_ENABLED: "false",
        N8N_VERSION_NOTIFICATIONS_ENABLED: "false",
        N8N_TEMPLATES_ENABLED: "false",
      },
      ...{ DB_TYPE: "postgresdb", DB_POSTGRESDB_HOST: address, DB_POSTGRESDB_PORT: String(port + 1) },
      ...{ DB_POSTGRESDB_USER: "postgres", DB_POSTGRESDB_PASSWORD: PASSWORD, DB_POSTGRESDB_DATABASE: "postgres" },
    },
    extendEnv: false,
    ...{ reject: false, all: true, stdin: "ignore", cwd: home },
  });
  const url = `http://${address}:${port}`;
  const stop = async () => {
    if (program.exitCode === null && program.signalCode === null) {
      program.kill();
      await once(program, "exit");
    }
    await database.remove({ force: true, v: true });
    await rm(home, { recursive: true, force: true });
  };
  try {
    await eventually("n8n answers", 240, async () => {
      if (program.exitCode !== null)
        throw new Error(`n8n ended:\n${(await program).all.split("\n").slice(-LAST_LINES).join("\n")}`);
      return fetch(`${url}/healthz/readiness`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
    const { apiKey, deleteKey } = await makeApiKey(url);
    const ask = async (path: string) => {
      const response = await fetch(`${url}/api/v1${path}`, { headers: { "x-n8n-api-key": apiKey } });
      if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${await response.text()}`);
      return response.json();
    };
    return { url, apiKey, ask, deleteKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPostgres(name: string, address: string, port: number) {
  const container = await docker.createContainer({
    name,
    Image: "postgres:17.6-trixie",
    Env: [`POSTGRES_PASSWORD=${PASSWORD}`],
    HostConfig: { PortBindings: { "5432/tcp": [{ HostIp: address, HostPort: String(port) }] } },
  });
  await container.start();
  await eventually("n8n's Postgres answers", 60, async () => {
    const args = ["exec", name, "pg_isready", "--host", "127.0.0.1", "--username", "postgres"];
    return (await execa("docker", args, { reject: false })).exitCode === 0;
  });
  return container;
}

/** What a person does in the browser: makes the owner's account, and an API key with every scope that it may have. */
async function makeApiKey(url: string): Promise<{ apiKey: string; deleteKey: () => Promise<void> }> {
  const rest = async (method: string, path: string, body?: object, cookie = "") => {
    const response = await fetch(`${url}/rest${path}`, {
      method,
      headers: { "content-type": "application/json", "browser-id": "browser-of-the-test", cookie },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${await response.text()}`);
    return response;
  };
  const owner = { email: "owner@n8n.lan", firstName: "Own", lastName: "Er", password: `Aa1${PASSWORD}` };
  const setup = await eventually("n8n takes its owner", 60, () =>
    rest("POST", "/owner/setup", owner).catch(() => undefined),
  );
  const cookie = setup.headers
    .getSetCookie()
    .map((each) => each.split(";")[0])
    .join("; ");
  const asOwner = async <T>(method: string, path: string, body?: object): Promise<T> =>
    ((await (await rest(method, path, body, cookie)).json()) as { data: T }).data;
  const scopes = await asOwner<string[]>("GET", "/api-keys/scopes");
  const key = { label: "gateway", expiresAt: null, scopes };
  const { id, rawApiKey } = await asOwner<{ id: string; rawApiKey: string }>("POST", "/api-keys", key);
  return { apiKey: rawApiKey, deleteKey: () => asOwner("DELETE", `/api-keys/${id}`) };
}
