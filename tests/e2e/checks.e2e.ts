import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import { projectRoot } from "../../lib/project-root.ts";
import { type Check, checksOf, prints } from "./console.ts";
import { containerIds, docker, logsOf, removeLeftovers } from "./docker.ts";
import { callTool, eventually, listTools } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// The pages that say what commands print: every one is run against a stack, which is called `lan` as in the pages.
const PAGES = ["docs/checks.md", "docs/operate.md"];
const PREFIX = "e2e-checks-";
const PORTS = { 4000: 30000, 4001: 30001, 5432: 30432 } as const;
/** A row of spend arrives late, and a container of a busy machine may fail one healthcheck. */
const WITHIN_SECONDS = 60;

let workspace: Workspace;
let keys: Record<string, string>;

const config = (gateway: object = {}) => ({
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: PORTS[4000], ...gateway },
  "litellm-mcp:postgres": { kind: "dedicated", port: PORTS[5432] },
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"] } },
});

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create("lan", config());
  for (const name of await workspace.serverFolders())
    if (name !== "time" && name !== "postgres") await workspace.run("rm", ["-r", `mcp/${name}`]);
  const init = await workspace.run("pulumi", ["stack", "init", "lan", "--non-interactive"]);
  assert.equal(init.exitCode, 0, init.output);
  const up = await workspace.up();
  assert.equal(up.exitCode, 0, up.output);
  const { clientKeys, masterKey } = await workspace.outputs();
  keys = { KEY: clientKeys["test-key"]!, PHONE_KEY: clientKeys["phone"]!, MASTER_KEY: masterKey };
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
});

/** A command as it has to be for the stack of this test, which has other names and ports than the page's. */
const forThisStack = (command: string) =>
  Object.entries(PORTS)
    .reduce(
      (text, [port, ours]) =>
        text.replaceAll(new RegExp(`(linuxserver\\.lan|localhost|127\\.0\\.0\\.1):${port}`, "g"), `$1:${ours}`),
      command,
    )
    .replaceAll("linuxserver.lan", "127.0.0.1")
    // The one name that follows a command of docker and its options is a container's or a network's.
    .replaceAll(
      /(docker (?:exec|logs|inspect|stop|start|network inspect)(?: -i| --format '[^']*')?) (?=\w)/g,
      `$1 ${PREFIX}`,
    )
    .replaceAll(/docker (ps|network ls)(?= )/g, `docker $1 --filter name=^${PREFIX}`);

const asOnThePage = (printed: string) =>
  Object.entries(PORTS)
    .reduce(
      (text, [port, ours]) =>
        text.replaceAll(`127.0.0.1:${ours}`, Number(port) === 4000 ? "linuxserver.lan:4000" : `127.0.0.1:${port}`),
      printed,
    )
    .replaceAll(PREFIX, "");

/** What a command prints on its standard output. */
async function run(command: string): Promise<string> {
  const { output } = await workspace.run("bash", ["-c", `{ ${forThisStack(command)}\n} 2>/dev/null`], { env: keys });
  return asOnThePage(output);
}

for (const page of PAGES) {
  const checks = checksOf(page, readFileSync(path.join(projectRoot, page), "utf8"));
  for (const check of checks) test(`${page}:${check.line}: ${check.command.split("\n")[0]}`, () => judge(check));
}

async function judge({ page, line, command, expected }: Check): Promise<void> {
  let printed = "";
  await eventually(`${page}:${line}`, WITHIN_SECONDS, async () => {
    printed = await run(command);
    return prints(expected, printed);
  }).catch(() => assert.fail(`${page}:${line}: $ ${command}\nprints\n${printed}\nand the page says\n${expected}`));
}

test("status --watch shows the tables again until it is ended", async () => {
  const watching = execa("npm", ["run", "--silent", "status", "--", "--stack", "lan", "--watch", "1"], {
    ...{ cwd: workspace.root, env: workspace.env, reject: false, stdin: "ignore" },
    // A group of its own: Ctrl-C reaches every process of the terminal.
    detached: true,
  });
  let shown = 0;
  for await (const line of watching.iterable()) {
    if (/^lan at .+ UTC, again every 1 s until Ctrl-C$/.test(line)) shown += 1;
    if (shown === 3) process.kill(-watching.pid!, "SIGINT");
  }
  assert.equal(shown, 3);
  const { output, exitCode } = await workspace.run("npm", [
    ...["run", "--silent", "status", "--", "--stack", "lan", "--watch", "often"],
  ]);
  assert.equal(exitCode, 1);
  assert.match(output, /--watch.*'often' is invalid.*Write whole seconds from 1/);
});

test("status says what is wrong, with exit code 1, and a document for others", async () => {
  const status = (...args: string[]) =>
    workspace.run("npm", ["run", "--silent", "status", "--", "--stack", "lan", ...args]);
  await docker.getContainer(`${PREFIX}mcp-time`).stop();
  try {
    const stopped = await status();
    assert.equal(stopped.exitCode, 1, stopped.output);
    assert.match(stopped.output, /✖ container e2e-checks-mcp-time does not run \(exited, since /);
    const json = await workspace.run("bash", ["-c", "npm run --silent status -- --stack lan --json 2>/dev/null"]);
    const { problems, servers } = JSON.parse(json.output) as {
      problems: string[];
      servers: { name: string; state: string }[];
    };
    assert.equal(json.exitCode, 1);
    assert.ok(
      problems.some((problem) => problem.includes("mcp-time")),
      json.output,
    );
    assert.match(servers.find(({ name }) => name === "time")!.state, /^no answer/);
  } finally {
    await docker.getContainer(`${PREFIX}mcp-time`).start();
  }
  const document = await eventually("a document without problems", WITHIN_SECONDS, async () => {
    const { exitCode, output } = await status("--markdown");
    return exitCode === 0 && output;
  });
  for (const part of [
    "| e2e-checks-postgres | litellm-mcp/postgres.hypopg:",
    "| client-phone-value |",
    "127.0.0.1:30000",
    "| litellm_db |",
  ])
    assert.ok(document.includes(part), `${part} is not in\n${document}`);
  const secrets = Object.values(keys);
  assert.ok(!secrets.some((secret) => document.includes(secret)), "a key is in the document");
});

interface Verified {
  readonly exitCode: number;
  readonly steps: readonly {
    step: string;
    outcome: string;
    said: string;
    findings: { seen: string; means?: string }[];
  }[];
  readonly output: string;
}

/** What `npm run verify -- --json` prints, with the outcome of each step by its name. */
async function verify(): Promise<Verified> {
  const command = "npm run --silent verify -- --stack lan --json 2>/dev/null";
  const { exitCode, output } = await workspace.run("bash", ["-c", command]);
  return { exitCode, output, ...(JSON.parse(output) as Pick<Verified, "steps">) };
}

const outcomes = ({ steps }: Verified) => Object.fromEntries(steps.map(({ step, outcome }) => [step, outcome]));
const ALL_GOOD = Object.fromEntries(
  ["containers", "servers", "gateway", "postgres", "tools", "refusals", "models", "audit", "spend"].map((step) => [
    step,
    "good",
  ]),
);

/** What a step of it has found; nothing else was wrong. */
async function foundOnly(step: string): Promise<string> {
  const verified = await verify();
  const failed = verified.steps.filter(({ outcome }) => outcome === "failed");
  assert.deepEqual([verified.exitCode, failed.map((one) => one.step)], [1, [step]], verified.output);
  return JSON.stringify(failed[0]!.findings);
}

const psql = async (database: string, sql: string) => {
  const command = ["exec", `${PREFIX}postgres`, "psql", "-qAt", "-U", "postgres", "-d", database, "-c", sql];
  const { exitCode, output } = await workspace.run("docker", command);
  assert.equal(exitCode, 0, output);
  return output.trim();
};

/**
 * What verify finds when all is well again: a server that was stopped has to start, and a pool of connections that broke is
 * filled by the calls that fail.
 */
const isWellAgain = () =>
  eventually("verify finds nothing", 2 * WITHIN_SECONDS, async () => {
    const verified = await verify();
    return verified.exitCode === 0 && verified;
  });

test("verify finds its own call in the record, and LiteLLM's row of it", async () => {
  const verified = await isWellAgain();
  assert.deepEqual(outcomes(verified), ALL_GOOD, verified.output);
  const said = (wanted: string) => verified.steps.find(({ step }) => step === wanted)!.said;
  const line = /line (\S+), answered/.exec(said("audit"))![1]!;
  const [record] = (await auditRecords("--since", "10m")).filter(({ id }) => id === line);
  assert.deepEqual([record?.client, record?.tool], ["phone", "get_current_time"]);
  const row = /row (\S+)$/.exec(said("spend"))![1]!;
  const columns = `metadata ->> 'user_api_key_alias', mcp_namespaced_tool_name`;
  assert.equal(
    await psql("litellm_db", `SELECT ${columns} FROM "LiteLLM_SpendLogs" WHERE request_id = '${row}'`),
    "phone|time/get_current_time",
  );
});

test("verify names a server that is paused, and goes on with the others", async () => {
  const container = docker.getContainer(`${PREFIX}mcp-postgres`);
  await container.pause();
  try {
    assert.match(await foundOnly("servers"), /container e2e-checks-mcp-postgres is paused/);
  } finally {
    await container.unpause();
  }
  await isWellAgain();
});

test("verify names Postgres when it is stopped, and does not blame the gateway", async () => {
  const container = docker.getContainer(`${PREFIX}postgres`);
  await container.stop();
  try {
    const found = await foundOnly("containers");
    assert.match(found, /container e2e-checks-postgres is stopped.*without Postgres LiteLLM knows no key/);
    const { output } = await workspace.run("npm", ["run", "--silent", "verify", "--", "--stack", "lan"]);
    assert.match(output, /✖ containers[^]*postgres is stopped[^]*Not tried, because each needs what failed: gateway, /);
  } finally {
    await container.start();
  }
  await isWellAgain();
});

test("verify fails when its call is in no record, and when LiteLLM writes no row of it", async () => {
  const inRecord = (script: string) =>
    workspace.run("docker", ["exec", `${PREFIX}ingress`, "sh", "-c", `cd /var/lib/ingress-audit; ${script}`]);
  // The ingress goes on writing into the files that it has open.
  await inRecord("for file in calls-*.jsonl; do mv $file $file.aside; done");
  assert.match(await foundOnly("audit"), /time-get_current_time, called by phone: .* has no line of it/);
  await inRecord("for file in *.aside; do mv $file ${file%.aside}; done");

  await psql(
    "litellm_db",
    `CREATE FUNCTION dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER dropped BEFORE INSERT ON "LiteLLM_SpendLogs" FOR EACH ROW EXECUTE FUNCTION dropped()`,
  );
  assert.match(await foundOnly("spend"), /LiteLLM_SpendLogs has no row of it .*budgets do not count it/);
  await psql("litellm_db", `DROP FUNCTION dropped CASCADE`);
  await isWellAgain();
});

test("verify asks the models that are named by responses as well, and none that no client may use", async () => {
  const asking = (model: string) =>
    workspace.run("npm", ["run", "--silent", "verify", "--", "--stack", "lan", "--models", model]);
  const mock = await asking("mock");
  assert.equal(mock.exitCode, 0, mock.output);
  assert.match(mock.output, /✔ models .*mock answers .*phone.* \(\/v1\/chat\/completions, \/v1\/responses\)/);
  const nobodys = await asking("gpt");
  assert.equal(nobodys.exitCode, 1, nobodys.output);
  assert.match(nobodys.output, /--models gpt: no client may use it; the models are mock/);
});

test("config prints what LiteLLM was given", async () => {
  const { output } = await workspace.run("bash", ["-c", "npm run --silent config -- --stack lan --json 2>/dev/null"]);
  const { text } = JSON.parse(output) as { text: string };
  const given = await workspace.run("docker", ["exec", `${PREFIX}litellm`, "cat", "/app/config.yaml"]);
  assert.equal(text.trim(), given.output.trim());
});

/** What `npm run audit` prints with these options. */
async function audit(...options: string[]): Promise<string> {
  const words = ["npm", "run", "--silent", "audit", "--", "--stack", "lan", ...options];
  const { exitCode, output } = await workspace.run("bash", ["-c", `${words.join(" ")} 2>/dev/null`]);
  assert.equal(exitCode, 0, output);
  return output;
}

const auditRecords = async (...options: string[]) =>
  (await audit(...options, "--json"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { id: string; client: string; outcome: string; tool: string });

/** The calls of the test below, as they were listed when nothing had happened to the ingress. */
let recorded: { readonly options: readonly string[]; readonly ids: readonly string[] };

async function recordIsWhole(): Promise<void> {
  const ids = (await auditRecords(...recorded.options)).map(({ id }) => id);
  assert.deepEqual(ids, recorded.ids);
  const throwAways = await docker.listContainers({ all: true, filters: { name: ["litellm-mcp-throw-away-audit"] } });
  assert.deepEqual(throwAways, []);
}

test("audit lists as many calls of each client as it made, with what came of them, and status counts them", async () => {
  type Day = { name: string; calls: { day: { calls: number; errors: number; refused: number } } };
  const counted = async () => {
    const { output } = await workspace.run("bash", ["-c", "npm run --silent status -- --stack lan --json 2>/dev/null"]);
    const { servers, clients } = JSON.parse(output) as { servers: Day[]; clients: Day[] };
    const dayOf = (of: Day[], wanted: string) => of.find(({ name }) => name === wanted)!.calls.day;
    return [dayOf(servers, "time"), dayOf(clients, "test-key"), dayOf(clients, "phone")].map(
      ({ calls, errors, refused }) => [calls, errors, refused],
    );
  };
  const before = await counted();
  const url = `http://127.0.0.1:${PORTS[4000]}/mcp/`;
  const since = new Date().toISOString();
  const call = (key: string, tool: string, args: Record<string, unknown>, times: number) =>
    Array.from({ length: times }, () => callTool(url, keys[key]!, tool, args));
  await Promise.all([
    ...call("KEY", "time-get_current_time", { timezone: "Pacific/Chatham" }, 6),
    ...call("KEY", "time-get_current_time", { timezone: "Nowhere/Land" }, 2),
    ...call("PHONE_KEY", "time-get_current_time", { timezone: "Asia/Tokyo" }, 3),
    ...call("PHONE_KEY", "postgres-list_schemas", { "\u001b[2K": "\u202e" }, 2),
  ]);
  const expected = { "test-key answered": 6, "test-key failed": 2, "phone answered": 3, "phone refused": 2 };
  const options = ["--since", since, "--until", new Date().toISOString()];
  const found = await eventually("every call has its outcome", 20, async () => {
    const records = await auditRecords(...options);
    return !records.some(({ outcome }) => outcome === "running") && records;
  });
  const tally: Record<string, number> = {};
  for (const { client, outcome } of found) tally[`${client} ${outcome}`] = (tally[`${client} ${outcome}`] ?? 0) + 1;
  assert.deepEqual(tally, expected);
  recorded = { options, ids: found.map(({ id }) => id) };

  for (const [chosen, count] of [
    [["--client", "phone"], 5],
    [["--client", "phone", "test-key"], 13],
    [["--server", "postgres"], 2],
    [["--tool", "time-get_current_time", "--client", "test-key"], 8],
    [["--outcome", "failed", "refused"], 4],
    [["--outcome", "failed", "refused", "--limit", "3"], 3],
    [["--client", "nobody"], 0],
  ] as const)
    assert.equal((await auditRecords(...options, ...chosen)).length, count, chosen.join(" "));
  const table = await audit(...options);
  assert.match(table, /│ phone +│ postgres +│ list_schemas +│ .* │ refused +│ this key may not use server postgres/);
  assert.match(table, /^(?=.*9 answered)(?=.*2 failed)(?=.*2 refused)/m);
  assert.equal((await audit(...options, "--csv")).trim().split("\n").length, 1 + 13);
  for (const text of [table, await audit(...options, "--csv"), await audit(...options, "--json")])
    assert.ok(!["\u001b", "\u202e"].some((steering) => text.includes(steering)), text);

  const [time, testKey, phone] = before as [number[], number[], number[]];
  const plus = (figures: number[], more: number[]) => figures.map((figure, index) => figure + more[index]!);
  // Of calls that were refused, two name another server.
  assert.deepEqual(await counted(), [plus(time, [11, 2, 0]), plus(testKey, [8, 2, 0]), plus(phone, [3, 0, 2])]);
});

test("audit reads the same while the ingress is stopped, and after its container was replaced", longOnly, async () => {
  const ingress = docker.getContainer(`${PREFIX}ingress`);
  await ingress.stop();
  try {
    await recordIsWhole();
  } finally {
    await ingress.start();
  }
  const replaced = (await ingress.inspect()).Id;
  await workspace.writeConfig(config({ auditDays: 30 }));
  const up = await workspace.up();
  assert.equal(up.exitCode, 0, up.output);
  assert.notEqual((await ingress.inspect()).Id, replaced);
  await recordIsWhole();
});

test("audit refuses what it cannot do, and says what to write", async () => {
  for (const [options, message] of [
    [["--since", "yesterday"], /--since yesterday: write how long ago/],
    [["--since", "1h", "--until", "2h"], /--since .* is not before --until/],
    [["--outcome", "good"], /Allowed choices are answered, failed, refused/],
    [["--limit", "0"], /Write a whole number from 1\./],
    [["--json", "--csv"], /cannot be used with option/],
  ] as const) {
    const { exitCode, output } = await workspace.run("npm", ["run", "audit", "--", "--stack", "lan", ...options]);
    assert.equal(exitCode, 1, output);
    assert.match(output, message);
  }
});

/** It answers everything with the call of a tool. */
const callingModel = {
  name: "caller",
  params: {
    model: "openai/caller",
    api_key: "none",
    mock_response: "-",
    mock_tool_calls: [
      { id: "call_1", type: "function", function: { name: "time-get_current_time", arguments: '{"timezone":"UTC"}' } },
    ],
  },
};

test("with debug LiteLLM's log says everything, and no secret", async () => {
  await workspace.writeConfig({ ...config({ debug: true }), "litellm-mcp:models": [callingModel] });
  const up = await workspace.up();
  assert.equal(up.exitCode, 0, up.output);
  assert.match(up.output, /With gateway\.debug LiteLLM's log has what clients, tools and models say/);
  const url = `http://127.0.0.1:${PORTS[4000]}/mcp/`;
  await listTools(url, keys["KEY"], { newer: true });
  assert.match(
    await callTool(url, keys["KEY"]!, "time-get_current_time", { timezone: "Pacific/Auckland" }),
    /Auckland/,
  );
  // Past the ingress, with the headers and in the forms in which a key may come.
  const atLiteLlm = `http://127.0.0.1:${PORTS[4001]}`;
  for (const [route, headers] of [
    ["/v1/models", { authorization: `Bearer ${keys["MASTER_KEY"]}` }],
    ["/v1/models", { "x-litellm-api-key": keys["KEY"]! }],
    ["/key/info?key=sk-of-somebody-who-is-not-here", { authorization: `Bearer ${keys["MASTER_KEY"]}` }],
  ] as const)
    await (await fetch(`${atLiteLlm}${route}`, { headers })).text();
  const log = await eventually("the call is in the log", WITHIN_SECONDS, async () => {
    const text = await logsOf(`${PREFIX}litellm`);
    return text.includes("Pacific/Auckland") && text.includes("/key/info") && text;
  });
  assert.match(log, /"level": "DEBUG"/);
  const state = await workspace.exportState({ showSecrets: true });
  const plain = [...state.matchAll(/"plaintext": *"((?:[^"\\]|\\.)*)"/g)].map(
    ([, text]) => JSON.parse(`"${text}"`) as string,
  );
  // Hashes of keys and of schemas, which LiteLLM and the adapters know, open nothing.
  const secrets = new Set(
    plain.flatMap((text) => text.match(/[A-Za-z0-9]{32,}/g) ?? []).filter((one) => !/^[0-9a-f]{64}$/.test(one)),
  );
  assert.ok(secrets.size > 8, `the search found only ${secrets.size} secrets`);
  assert.deepEqual([...secrets].filter((secret) => log.includes(secret)).length, 0, "a secret is in the log");
  assert.ok(!log.includes("sk-of-somebody-who-is-not-here"), "what looks like a key is in the log");
});

test("chat completions stop at tool_calls: whoever asked makes the call, by MCP, and goes on", async () => {
  const url = `http://127.0.0.1:${PORTS[4000]}`;
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${keys["KEY"]}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "caller",
      messages: [{ role: "user", content: "what time is it?" }],
      tools: [{ type: "function", function: { name: "time-get_current_time", parameters: { type: "object" } } }],
    }),
  });
  const { choices } = (await answer.json()) as {
    choices: { finish_reason: string; message: { tool_calls: { function: { name: string; arguments: string } }[] } }[];
  };
  const { name, arguments: args } = choices[0]!.message.tool_calls[0]!.function;
  assert.equal(name, "time-get_current_time");
  const text = await callTool(`${url}/mcp/`, keys["KEY"]!, name, JSON.parse(args) as Record<string, unknown>);
  assert.match(text, /"timezone": "UTC"/);
});

test(
  "with postgres.protect a destroy is refused before it removes anything, and up takes the protection away",
  longOnly,
  async () => {
    const postgres = (protect: boolean) => ({ kind: "dedicated", port: PORTS[5432], protect });
    await workspace.writeConfig({ ...config(), "litellm-mcp:postgres": postgres(true) });
    const up = await workspace.up();
    assert.equal(up.exitCode, 0, up.output);
    const before = await containerIds(PREFIX);
    const down = await workspace.run("npm", ["run", "down", "--", "--stack", "lan", "--yes"]);
    assert.notEqual(down.exitCode, 0);
    assert.match(down.output, /cannot be deleted\s+because it is protected/);
    assert.deepEqual(await containerIds(PREFIX), before);
    await workspace.writeConfig({ ...config(), "litellm-mcp:postgres": postgres(false) });
    const again = await workspace.up();
    assert.equal(again.exitCode, 0, again.output);
  },
);

test("audit reads the record of a stack that was taken away, until somebody removes it", async () => {
  const destroyed = await workspace.destroy();
  assert.equal(destroyed.exitCode, 0, destroyed.output);
  await recordIsWhole();
  await docker.getVolume(`${PREFIX}ingress-audit`).remove();
  const { exitCode, output } = await workspace.run("npm", ["run", "audit", "--", "--stack", "lan"]);
  assert.equal(exitCode, 1, output);
  assert.match(output, /there is no record of calls: the daemon has no volume e2e-checks-ingress-audit/);
});
