import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import type { Manifest } from "../../operate/backup/manifest.ts";
import { auditFiles, containerIds, docker, removeLeftovers } from "../e2e/docker.ts";
import { callTool, eventually } from "../e2e/gateway.ts";
import { Workspace } from "../e2e/workspace.ts";
import { matrixImages, versionOf } from "./images.ts";

// LiteLLM is moved to the newest version of the catalogue and back: with a move that has no image, with one whose check fails
// and whose rollback is killed, with one that works. Rows, keys, budgets and memories are compared.
const PREFIX = "mxr-";
const STACK = "rollback";
const PORT = 28100;
const images = matrixImages();
const [OLD, NEW] = [images[0]!, images.at(-1)!];
/** LiteLLM starts and migrates its database, and no tool can be called. */
const BROKEN = `${NEW}-broken`;
const MISSING = `${NEW}-nobody-has-it`;

/** What this test asks for; each has a row of its own. */
const ASKED = ["Asia/Tokyo", "Europe/Oslo", "Europe/Rome", "Europe/Zurich"];

const settings = (image: string, servers: readonly string[]) => ({
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: PORT, image },
  "litellm-mcp:postgres": { kind: "dedicated", port: PORT + 32 },
  "litellm-mcp:servers": Object.fromEntries(
    servers.map((name) => [name, { enabled: ["memory", "time"].includes(name) }]),
  ),
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"], budget: 5 } },
});

if (images.length > 1)
  describe(`LiteLLM ${versionOf(OLD)} → ${versionOf(NEW)} → back`, () => {
    let workspace: Workspace;
    /** Where this test's backups are, and the record of moves. */
    let data: string;
    let keys: Record<string, string>;

    const run = (command: string, ...args: string[]) =>
      workspace.run("npm", ["run", "--silent", command, "--", "--stack", STACK, ...args], {
        env: { XDG_DATA_HOME: data },
      });
    async function worked(command: string, ...args: string[]): Promise<string> {
      const { exitCode, output, seconds } = await run(command, ...args);
      assert.equal(exitCode, 0, output);
      console.log(`npm run ${command}: ${seconds.toFixed(0)} s`);
      return output;
    }
    async function failed(message: RegExp, command: string, ...args: string[]): Promise<string> {
      const { exitCode, output } = await run(command, ...args);
      assert.equal(exitCode, 1, output);
      assert.match(output, message);
      return output;
    }
    const useImage = async (image: string) => workspace.writeConfig(settings(image, await workspace.serverFolders()));
    const settingsFile = () => workspace.readFile(`Pulumi.${STACK}.yaml`);
    const backups = async () =>
      (await readdir(path.join(data, "litellm-mcp/backups", STACK))).filter((name) => name.endsWith(".tar")).sort();
    const fileOf = (backup: string) => path.join(data, "litellm-mcp/backups", STACK, backup);
    async function manifestOf(backup: string): Promise<Manifest> {
      const { stdout } = await execa("tar", ["-xOf", fileOf(backup), "manifest.json"]);
      return JSON.parse(stdout) as Manifest;
    }

    async function sql(text: string): Promise<string> {
      const psql = ["psql", "-XAt", "-U", "postgres", "-d", "litellm_db", "-c", text];
      const { exitCode, stdout, stderr } = await runInContainer(docker, `${PREFIX}postgres`, psql);
      assert.equal(exitCode, 0, stderr);
      return stdout.trim();
    }
    const migrations = async () => Number(await sql("SELECT count(*) FROM _prisma_migrations"));
    const timezonesIn = async () =>
      (
        await sql(
          `SELECT DISTINCT metadata->'mcp_tool_call_metadata'->'arguments'->>'timezone' FROM "LiteLLM_SpendLogs" WHERE call_type = 'call_mcp_tool' ORDER BY 1`,
        )
      )
        .split("\n")
        // The check asks for the time as well.
        .filter((one) => ASKED.includes(one));
    const call = (tool: string, args: Record<string, unknown>, key = keys["test-key"]!) =>
      callTool(`http://127.0.0.1:${PORT}/mcp/`, key, tool, args);
    /** Asks for the time somewhere, until LiteLLM's row of it is there. */
    async function ask(timezone: string): Promise<void> {
      assert.match(await call("time-get_current_time", { timezone }, keys["phone"]), new RegExp(`"${timezone}"`));
      await eventually(`the row of ${timezone}`, 60, async () => (await timezonesIn()).includes(timezone));
    }
    const remember = (name: string) =>
      call("memory-create_entities", { entities: [{ name, entityType: "test", observations: ["once"] }] });
    const keysIn = () =>
      sql(`SELECT token, key_alias, max_budget, allowed_routes FROM "LiteLLM_VerificationToken" ORDER BY 1`);

    /** The deployment is what it was on the old version, with these rows. */
    async function assertBack(before: { file: string; keys: string }, rows: readonly string[]): Promise<void> {
      assert.equal(await settingsFile(), before.file);
      const { Config } = await docker.getContainer(`${PREFIX}litellm`).inspect();
      const { Id } = await docker.getImage(OLD).inspect();
      assert.equal((await docker.getImage(Config.Image).inspect()).Id, Id);
      assert.equal(await keysIn(), before.keys);
      assert.deepEqual(await timezonesIn(), [...rows].sort());
      assert.deepEqual((await workspace.outputs()).clientKeys, keys);
      const preview = await workspace.previewWithoutChanges();
      assert.equal(preview.exitCode, 0, preview.output);
    }
    const then = async () => ({ file: await settingsFile(), keys: await keysIn() });

    before(async () => {
      await removeLeftovers(PREFIX);
      data = await mkdtemp(path.join(tmpdir(), "rollback-data-"));
      workspace = await Workspace.create(STACK, {});
      await useImage(OLD);
      // The check calls tools, and is what has to see it.
      const spoilt = String.raw`s/^    ) -> CallToolResult | InputRequiredResult:$/&\n        raise RuntimeError("broken on purpose")/`;
      const recipe = `FROM ${NEW}\nRUN sed -i '${spoilt}' /app/venv/lib/python3.13/site-packages/litellm/proxy/_experimental/mcp_server/server.py && grep -rq "broken on purpose" /app/venv/lib/python3.13/site-packages/litellm/proxy/_experimental/mcp_server/server.py\n`;
      await execa("docker", ["build", "-t", BROKEN, "-"], { input: recipe });
      await worked("up", "--yes");
      keys = (await workspace.outputs()).clientKeys;
    });

    after(async () => {
      await workspace.end();
      await removeLeftovers(PREFIX);
      await rm(data, { recursive: true });
      await execa("docker", ["image", "rm", BROKEN], { reject: false });
    });

    test("without a move there is nothing to go back to", async () => {
      await ask("Europe/Oslo");
      await remember("of before the move");
      await sql(`UPDATE "LiteLLM_VerificationToken" SET spend = 1.5 WHERE key_alias = 'phone'`);
      const ids = await containerIds(PREFIX);
      await failed(
        /nothing to go back to, and nothing was changed: no npm run up of this machine/,
        "rollback",
        "--yes",
      );
      assert.deepEqual(await containerIds(PREFIX), ids);
    });

    test("an image that nobody has: up names the way back, which costs no row", async () => {
      const before = await then();
      await useImage(MISSING);
      const output = await failed(/npm run rollback -- --stack rollback/, "up", "--yes");
      assert.match(output, /LiteLLM .* → .*\n[^]*A backup is made before[^]*The backup of before is .*\.tar/);
      await ask("Europe/Rome");
      assert.match(await worked("rollback", "--yes"), /stays as it is/);
      await assertBack(before, ["Europe/Oslo", "Europe/Rome"]);
      await failed(/was taken back on/, "rollback", "--yes");
    });

    test("a version whose check fails: up names the way back, and nothing goes without a yes", async () => {
      await useImage(BROKEN);
      const count = await migrations();
      const made = await backups();
      const output = await failed(/npm run rollback -- --stack rollback/, "up", "--yes");
      assert.match(output, /a tool's error: ordinary text → `isError: true`/);
      const [backup = "", ...others] = (await backups()).filter((name) => !made.includes(name));
      assert.deepEqual(others, []);
      assert.ok(output.includes(fileOf(backup)), output);
      const { versions, databases } = await manifestOf(backup);
      assert.equal(versions.litellm, OLD);
      assert.deepEqual(
        databases.map(({ name }) => name),
        ["litellm_db", "mcp_db"],
      );
      assert.ok((await migrations()) > count);
      await failed(/nothing was changed: without a terminal to ask on, this needs --yes/, "rollback");
      assert.ok((await migrations()) > count);
    });

    test("a rollback that is killed in the middle is refused to others, and completed by another one", async () => {
      await useImage(OLD);
      const before = await then();
      await useImage(BROKEN);
      await sql(`INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime", metadata) VALUES
        ('of-the-broken-one', 'call_mcp_tool', now(), now(), '{}')`);
      const first = spawn("npm", ["run", "--silent", "rollback", "--", "--stack", STACK, "--yes"], {
        ...{ cwd: workspace.root, detached: true, stdio: ["ignore", "pipe", "inherit"] },
        env: { ...process.env, ...workspace.env, XDG_DATA_HOME: data },
      });
      let said = "";
      first.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      const [record = ""] = (await readdir(path.join(data, "litellm-mcp/backups", STACK))).filter((name) =>
        name.endsWith(".json"),
      );
      const ended = new Promise((resolve) => first.on("exit", resolve));
      await eventually("the database is put back", 300, async () => {
        const { rollback } = JSON.parse(await readFile(fileOf(record), "utf8")) as {
          rollback: { isReturned: boolean } | null;
        };
        return rollback?.isReturned === true;
      });
      process.kill(-first.pid!, "SIGKILL");
      await ended;
      assert.match(said, /[1-9]\d* rows of spend have come since/);
      await failed(/nothing was changed: npm run rollback was ended in the middle/, "up", "--yes");

      assert.match(await worked("rollback", "--yes"), /LiteLLM is .* again/);
      await assertBack(before, ["Europe/Oslo", "Europe/Rome"]);
      assert.equal(await sql(`SELECT spend FROM "LiteLLM_VerificationToken" WHERE key_alias = 'phone'`), "1.5");
      assert.match(await call("memory-read_graph", {}), /of before the move/);
      // What only the newer one had is kept.
      const kept = await manifestOf((await backups()).at(-1)!);
      assert.equal(kept.versions.litellm, BROKEN);
      const database = kept.databases.find(({ name }) => name === "litellm_db")!;
      assert.ok(database.rows['public."LiteLLM_SpendLogs"']! > 0);
    });

    let kept: string;
    test("a version that works, and back: nothing of before is lost, and what came since is in a file", async () => {
      const before = await then();
      await useImage(NEW);
      assert.match(await worked("up", "--yes"), /The backup of before is/);
      await ask("Asia/Tokyo");
      await remember("of after the move");
      // Somebody takes the way that docs warn of.
      await useImage(OLD);
      const ids = await containerIds(PREFIX);
      await failed(/an older LiteLLM does not undo .* npm run rollback -- --stack rollback/s, "up", "--yes");
      assert.deepEqual(await containerIds(PREFIX), ids);

      const output = await worked("rollback", "--yes");
      kept = /had in its database is in (\S+\.tar)/.exec(output)![1]!;
      await assertBack(before, ["Europe/Oslo", "Europe/Rome"]);
      assert.match(await call("memory-read_graph", {}), /of before the move.*of after the move/s);
      assert.match(await auditFiles(`${PREFIX}ingress`), /Asia\/Tokyo/);
      await ask("Europe/Zurich");
      // Its database is of a newer form.
      await failed(/the backup is of LiteLLM .*, and .* would run on it here/, "restore", kept, "--yes");
    });

    test("forward again, without a backup: the rows of there come back from the file, and nothing goes back", async () => {
      await useImage(NEW);
      assert.match(await worked("up", "--yes", "--no-backup"), /there is no way back from this move/);
      await worked("restore", kept, "--yes");
      assert.ok((await timezonesIn()).includes("Asia/Tokyo"));
      await failed(/was made without a backup \(--no-backup\)/, "rollback", "--yes");
    });

    test("no key was printed", () => {
      for (const key of Object.values(keys)) assert.ok(!workspace.printed.includes(key));
    });
  });
