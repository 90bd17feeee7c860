import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, afterEach, describe, test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { execa } from "execa";
import { OtherIdentity } from "../../operate/backup/encryption.ts";
import { checkBackup, readText } from "../../operate/backup/file.ts";
import { partsOf } from "../../operate/backup/manifest.ts";
import type { BackupStatus } from "../../operate/status/status.ts";
import { testSettings } from "../../tests/settings.ts";
import { nightlyVariables } from "./nightly.ts";

const script = fileURLToPath(new URL("./image/nightly.sh", import.meta.url));

/** Programs of Postgres: a dump is the script that is in the file `<database>.sql`, and one that is not there fails. */
const PROGRAMS = {
  psql: "echo 170006",
  pg_isready: "exit 0",
  pg_dump: 'cat "$DUMPS/${!#}.sql"',
  pg_restore: "cat",
};
const dump = (rows: number) =>
  [
    'COPY public."Log" (id, text) FROM stdin;',
    ...Array.from({ length: rows }, (_, id) => `${id}\tline ${id}`),
    ...["\\.", "", "COPY public.empty (id) FROM stdin;", "\\.", ""],
  ].join("\n");

/** STAND-INS for age and age-keygen, of the same format and by the same author. */
const AGE = fileURLToPath(new URL("../../tests/age-stand-in.ts", import.meta.url));

let home: string;
let folder: string;
let encryptedFor: string[];

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "nightly-"));
  folder = path.join(home, "backups/nightly-lan");
  for (const name of ["bin", "dumps", "backups", "runtime", "told", "volumes/ingress-audit", "volumes/mcp-memory-data"])
    await mkdir(path.join(home, name), { recursive: true });
  encryptedFor = [];
  const age = Object.fromEntries(["age", "age-keygen"].map((name) => [name, `exec node ${AGE} ${name} "$@"`]));
  for (const [name, text] of Object.entries({ ...PROGRAMS, ...age })) {
    await writeFile(path.join(home, "bin", name), `#!/usr/bin/env bash\n${text}\n`);
    await chmod(path.join(home, "bin", name), 0o755);
  }
  await writeFile(path.join(home, "volumes/ingress-audit/calls.jsonl"), '{"kind":"call"}\n');
  await writeFile(path.join(home, "volumes/mcp-memory-data/memory.jsonl"), '{"name":"a thing"}\n');
  await holds(2_000);
});

afterEach(() => rm(home, { recursive: true }));

const holds = async (rows: number) => {
  for (const name of ["litellm_db", "mcp_db"]) await writeFile(path.join(home, "dumps", `${name}.sql`), dump(rows));
};

/** Clock of the script: `date` without a time of its own is at this one. */
async function nightly(command: string, { now = "2026-11-22T12:00:00Z", keep = 3, recipients = encryptedFor } = {}) {
  const date = `#!/usr/bin/env bash
for one in "$@"; do [ "$one" != -d ] || exec /usr/bin/env -i TZ=UTC PATH=/usr/bin:/bin ${home}/bin/faked "$@"; done
exec /usr/bin/env -i TZ=UTC PATH=/usr/bin:/bin date -d ${now} "$@"
`;
  // A day such as "today" is the one of the clock as well.
  const faked = `#!/usr/bin/env bash
declare -a words=("$@")
for at in "\${!words[@]}"; do words[at]=\${words[at]/#today/${now.slice(0, 10)}}; done
exec date "\${words[@]}"
`;
  for (const [name, text] of Object.entries({ date, faked })) {
    await writeFile(path.join(home, "bin", name), text);
    await chmod(path.join(home, "bin", name), 0o755);
  }
  const settings = testSettings({ backup: { keep, recipients } });
  return execa("bash", [script, command], {
    env: {
      ...nightlyVariables({
        ...{ settings, backup: settings.backup!, databases: ["litellm_db", "mcp_db"] },
        ...{ stored: ["ingress-audit", "mcp-memory-data"], project: "litellm-mcp", stack: "lan" },
      }),
      ...{ BACKUPS: path.join(home, "backups"), VOLUMES: path.join(home, "volumes") },
      ...{ TOLD: path.join(home, "told") },
      ...{ RUNTIME: path.join(home, "runtime"), DUMPS: path.join(home, "dumps") },
      PATH: `${path.join(home, "bin")}:${process.env["PATH"]}`,
    },
    reject: false,
  });
}

const day = (number: number) => `2026-11-${number}T03:30:00Z`;
const file = (number: number) => `lan-2026-11-${number}T03-30-00Z.tar`;
const backups = async () => (await readdir(folder)).filter((name) => name.endsWith(".tar")).sort();
const status = async (now: string) =>
  JSON.parse((await nightly("status", { now })).stdout) as Omit<BackupStatus, "container">;

async function made(number: number): Promise<void> {
  const { exitCode, stdout, stderr } = await nightly("now", { now: day(number) });
  assert.deepEqual([exitCode, stdout, stderr], [0, file(number), ""]);
}

test("it is one that npm run restore reads, without state and settings, and for nobody else to read", async () => {
  await made(20);
  const manifest = await checkBackup(path.join(folder, file(20)));
  assert.deepEqual(
    [manifest.stack, manifest.created, manifest.state, manifest.settings, manifest.versions.postgres],
    ["lan", day(20), undefined, undefined, 170_006],
  );
  assert.deepEqual(
    manifest.databases.map(({ name, rows }) => [name, rows]),
    ["litellm_db", "mcp_db"].map((name) => [name, { 'public."Log"': 2_000, "public.empty": 0 }]),
  );
  assert.equal(await readText(path.join(folder, file(20)), manifest.databases[0]!.part), dump(2_000));
  assert.deepEqual(
    manifest.volumes.map(({ name }) => name),
    ["ingress-audit", "mcp-memory-data"],
  );
  assert.equal((await stat(path.join(folder, file(20)))).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test("as many are kept as are wanted, and files of others stay", async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "lan-by-hand.tar"), "");
  for (const number of [20, 21, 22, 23, 24]) await made(number);
  assert.deepEqual(await backups(), [file(22), file(23), file(24), "lan-by-hand.tar"]);
  assert.deepEqual(await status("2026-11-24T12:00:00Z"), {
    newest: { name: file(24), made: day(24), bytes: (await stat(path.join(folder, file(24)))).size },
    ...{ kept: 3, folder, next: "2026-11-25T03:30:00Z", problems: [] },
  });
  assert.equal((await nightly("health", { now: "2026-11-24T12:00:00Z" })).stdout, file(24));
});

test("while all are read again, the new one counts for whole", async () => {
  const sync = `#!/usr/bin/env bash\n[ ! -d "$1" ] || bash ${script} status >${home}/meanwhile\n`;
  await writeFile(path.join(home, "bin/sync"), sync);
  await chmod(path.join(home, "bin/sync"), 0o755);
  await made(20);
  const { newest, problems } = JSON.parse(await readFile(path.join(home, "meanwhile"), "utf8")) as BackupStatus;
  assert.deepEqual([newest?.name, problems], [file(20), []]);
});

describe("what is not good takes no good one away, and is told", () => {
  beforeEach(async () => {
    for (const number of [20, 21, 22]) await made(number);
  });

  /** The healthcheck says the same as `npm run status`. */
  async function told(number: number, pattern: RegExp, kept = 3): Promise<void> {
    const now = day(number).replace("03:30", "04:00");
    const { problems, newest, kept: good } = await status(now);
    const { exitCode, stdout } = await nightly("health", { now });
    assert.deepEqual([exitCode, stdout], [1, problems.join("\n")]);
    assert.match(stdout, pattern);
    assert.equal(good, kept);
    // For the scheduled check, which is another user.
    const [text, figures] = ["problems", "figures"].map((name) => path.join(home, "told", name)) as [string, string];
    assert.equal((await readFile(text, "utf8")).trim(), problems.join("\n"));
    assert.deepEqual(JSON.parse(await readFile(figures, "utf8")), { newest, kept });
    for (const file of [text, figures]) assert.equal((await stat(file)).mode & 0o777, 0o644);
  }

  test("a dump that fails; the next that works ends it", async () => {
    const said = 'pg_dump: error: "x" failed:\\n\\tconnection \\\\refused';
    await writeFile(path.join(home, "bin/pg_dump"), `#!/usr/bin/env bash\nprintf '${said}\\n' >&2\nexit 1\n`);
    const { exitCode, stderr } = await nightly("now", { now: day(23) });
    assert.equal(exitCode, 1);
    assert.match(stderr, /failed: pg_dump: error: "x" failed: {2}connection \\refused/);
    assert.deepEqual(await backups(), [20, 21, 22].map(file));
    assert.ok(!(await readdir(folder)).includes(".unfinished"));
    await told(
      23,
      /^the backup of 2026-11-23 03:30 UTC failed: .* It is tried again each hour, and by: docker exec backup bash .* now$/,
    );
    await writeFile(path.join(home, "bin/pg_dump"), `#!/usr/bin/env bash\n${PROGRAMS.pg_dump}\n`);
    await made(24);
    assert.deepEqual((await status(day(24))).problems, []);
  });

  test("a dump that cannot be read", async () => {
    await writeFile(
      path.join(home, "bin/pg_restore"),
      "#!/usr/bin/env bash\necho 'input file is too short' >&2\nexit 1\n",
    );
    assert.equal((await nightly("now", { now: day(23) })).exitCode, 1);
    assert.deepEqual(await backups(), [20, 21, 22].map(file));
    await told(23, /failed: .*input file is too short/);
  });

  test("a file that is another one when it is read again", async () => {
    const sync = `#!/usr/bin/env bash\n[ ! -f "$1" ] || printf x | dd of="$1" bs=1 seek=4000 conv=notrunc status=none\n`;
    await writeFile(path.join(home, "bin/sync"), sync);
    await chmod(path.join(home, "bin/sync"), 0o755);
    assert.equal((await nightly("now", { now: day(23) })).exitCode, 1);
    assert.deepEqual(await backups(), [20, 21, 22].map(file));
    await told(23, /something else when it is read again/);
  });

  test("one that ends too early, and one with another byte: they count for none, and older ones stay for them", async () => {
    await truncate(path.join(folder, file(22)), 3_000);
    await told(22, new RegExp(`^backup ${file(22)} is damaged: .* docker exec backup rm ${folder}/${file(22)}$`), 2);
    const content = await readFile(path.join(folder, file(21)));
    content[2_000] = content[2_000]! ^ 1;
    await writeFile(path.join(folder, file(21)), content);
    const { exitCode, stderr } = await nightly("now", { now: day(23) });
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`${file(21)} is damaged[^]*${file(22)} is damaged`));
    assert.deepEqual(await backups(), [20, 21, 22, 23].map(file));
    await told(23, /is damaged/, 2);
    await rm(path.join(folder, file(21)));
    await rm(path.join(folder, file(22)));
    for (const number of [24, 25]) await made(number);
    assert.deepEqual(await backups(), [23, 24, 25].map(file));
  });

  test("one that has much less than the one before, until somebody says that it is meant", async () => {
    await holds(10);
    const small = file(23).replace(".tar", ".small.tar");
    for (const number of [22, 23]) assert.equal((await nightly("now", { now: day(number) })).exitCode, 1);
    assert.deepEqual(await backups(), [file(20), file(21), file(22), small]);
    await checkBackup(path.join(folder, small));
    await told(
      23,
      /much less than the one before: litellm_db has 10 rows and had 2000, mcp_db has 10 rows and had 2000\. .* accept$/,
    );
    assert.equal((await nightly("accept")).exitCode, 0);
    assert.deepEqual(await backups(), [20, 21, 22, 23].map(file));
    assert.deepEqual((await status(day(23))).problems, []);
    await made(24);
    assert.deepEqual(await backups(), [22, 23, 24].map(file));
    assert.equal((await nightly("accept")).exitCode, 1);
  });

  test("one that was made too long ago, and none at all", async () => {
    assert.deepEqual((await status("2026-11-23T05:00:00Z")).problems, []);
    const [problem] = (await status("2026-11-23T06:00:00Z")).problems;
    assert.match(problem ?? "", /^the newest good backup is of 2026-11-22 03:30 UTC, and there should be one each day/);
    await rm(folder, { recursive: true });
    assert.match(
      (await status(day(23))).problems.join(),
      /^there is no good backup: docker exec backup bash .* now makes one$/,
    );
  });
});

/** What is in memory is gone, as after the container was started again. */
const startedAgain = async () => {
  await rm(path.join(home, "runtime"), { recursive: true });
  await mkdir(path.join(home, "runtime"));
};

test("why one failed is known when the container was started again, until one works", async () => {
  await made(22);
  await rm(path.join(home, "dumps/mcp_db.sql"));
  assert.equal((await nightly("now", { now: "2026-11-22T04:00:00Z" })).exitCode, 1);
  await startedAgain();
  const { exitCode, stdout } = await nightly("health", { now: "2026-11-22T05:00:00Z" });
  assert.equal(exitCode, 1);
  assert.match(stdout, /^the backup of 2026-11-22 04:00 UTC failed: .*mcp_db\.sql/);
  await holds(2_000);
  await made(23);
  assert.deepEqual((await status("2026-11-23T04:00:00Z")).problems, []);
});

test("why one failed is known although the disk takes nothing, and the newer reason counts", async () => {
  await made(22);
  await rm(path.join(home, "dumps/mcp_db.sql"));
  await nightly("now", { now: "2026-11-22T04:00:00Z" });
  // As on a disk that is full: it cannot be written, or not to its end.
  await mkdir(path.join(folder, ".failed.new"));
  assert.equal((await nightly("now", { now: "2026-11-22T05:00:00Z" })).exitCode, 1);
  assert.match((await status("2026-11-22T06:00:00Z")).problems.join(), /^the backup of 2026-11-22 05:00 UTC failed/);
  await holds(2_000);
  await made(23);
  assert.deepEqual((await status("2026-11-23T04:00:00Z")).problems, []);
});

describe("encrypted", () => {
  let identity: string;
  beforeEach(async () => {
    identity = await generateX25519Identity();
    encryptedFor = [await identityToRecipient(identity)];
  });

  test("for its recipients: npm run restore reads it with an identity, and nothing else is in plain text", async () => {
    await made(20);
    const backup = { path: path.join(folder, file(20)), identities: [identity] };
    const manifest = await checkBackup(backup);
    assert.deepEqual(manifest.encryption, { tool: "age", recipients: encryptedFor });
    assert.deepEqual(
      partsOf(manifest).map(({ name }) => name),
      ["litellm_db.dump.age", "mcp_db.dump.age", "ingress-audit.tar.gz.age", "mcp-memory-data.tar.gz.age"],
    );
    assert.deepEqual(manifest.databases[0]!.rows, { 'public."Log"': 2_000, "public.empty": 0 });
    assert.equal(await readText(backup, manifest.databases[0]!.part), dump(2_000));
    assert.ok(!(await readFile(backup.path)).includes("line 17"));
    // Nothing that opens it is left behind.
    for (const left of await readdir(home, { recursive: true, withFileTypes: true }))
      if (left.isFile() && !left.parentPath.endsWith("/bin"))
        assert.doesNotMatch(await readFile(path.join(left.parentPath, left.name), "latin1"), /AGE-SECRET-KEY/);
    await assert.rejects(checkBackup({ ...backup, identities: [await generateX25519Identity()] }), OtherIdentity);
  });

  test("one that is spoilt, or much smaller, is noticed without an identity", async () => {
    await made(20);
    const content = await readFile(path.join(folder, file(20)));
    content[6_000] = content[6_000]! ^ 1;
    await writeFile(path.join(folder, file(20)), content);
    await holds(10);
    const { exitCode, stderr } = await nightly("now", { now: day(21) });
    assert.equal(exitCode, 1);
    assert.match(stderr, /litellm_db has 10 rows and had 2000/);
    assert.equal((await nightly("accept")).exitCode, 0);
    assert.match((await status(day(21))).problems.join(), new RegExp(`^backup ${file(20)} is damaged`));
  });

  for (const [what, program, said] of [
    ["age fails", "age", "age: error: no such recipient"],
    ["no key can be made", "age-keygen", "age-keygen: no entropy"],
  ] as const)
    test(`none is made when ${what}`, async () => {
      await made(20);
      await writeFile(path.join(home, "bin", program), `#!/usr/bin/env bash\necho '${said}' >&2\nexit 1\n`);
      assert.equal((await nightly("now", { now: day(21) })).exitCode, 1);
      assert.deepEqual(await backups(), [file(20)]);
      assert.match((await status(day(21))).problems.join(), /^the backup of 2026-11-21 03:30 UTC failed/);
    });
});

test("Postgres is reached as LiteLLM's own settings say, and the password is not among the variables", () => {
  const variables = (postgres: object, secrets: string[] = []) => {
    const settings = testSettings({ backup: {}, postgres }, secrets);
    const { PGHOST, PGPORT, PGUSER, PGSSLMODE, PGSSLROOTCERT, PGPASSWORD } = nightlyVariables({
      ...{ settings, backup: settings.backup!, databases: [], stored: [], project: "p", stack: "s" },
    });
    return [PGHOST, PGPORT, PGUSER, PGSSLMODE, PGSSLROOTCERT, PGPASSWORD];
  };
  assert.deepEqual(variables({ kind: "dedicated" }), ["postgres", "5432", "postgres", "disable", undefined, undefined]);
  const existing = { kind: "existing", host: "192.168.1.11", port: 5433, adminUser: "boss" };
  assert.deepEqual(variables({ ...existing, sslmode: "verify-full" }, ["postgresAdminPassword"]), [
    ...["192.168.1.11", "5433", "boss", "verify-full", "system", undefined],
  ]);
});
