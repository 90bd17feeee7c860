import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { step } from "../../bootstrap/steps.ts";
import { addressProblem } from "../../guards/address-pools.ts";
import { explainDocker } from "../../guards/docker-host.ts";
import { addressProblems } from "../../guards/host-addresses.ts";
import { PreflightError } from "../../guards/preflight.ts";
import { SettingsError } from "../../settings/problems.ts";
import { explain, explainCheck, explained, shownError } from "./said.ts";

const OTHERWISE = { means: "nobody has thought of it" };
const host = "ssh://me@server:2222";
const preflight = (...problems: string[]) => explain(new PreflightError(problems).message, OTHERWISE);

/** What OpenSSH 9.2 and Docker say, and what is made of it. */
for (const [what, said, means, fix] of [
  [
    "a host key that is not known",
    "Host key verification failed.",
    /by which key it knows/,
    /ssh-keyscan -p 2222 server/,
  ],
  [
    "a host key that has changed",
    `ssh-keygen -f "/keys/known_hosts" -R "[server]:2222"
Host key for [server]:2222 has changed and you have requested strict checking.
Host key verification failed.`,
    /installed again, or something else answers/,
    /ssh-keygen -f "\/keys\/known_hosts" -R "\[server\]:2222"/,
  ],
  [
    "a login that is refused",
    "me@server: Permission denied (publickey,password).",
    /knows no public key/,
    /^ssh-copy-id -p 2222 me@server/,
  ],
  [
    "a private key that others can read",
    'Load key "/keys/id": bad permissions\nme@server: Permission denied (publickey,password).',
    /ssh ignores such a key/,
    /^chmod 600 \/keys\/id$/,
  ],
  [
    "a private key that is not there",
    "Warning: Identity file /keys/no not accessible: No such file or directory.\nme@server: Permission denied (publickey).",
    /not on this machine/,
    /ls -l \/keys\/no/,
  ],
  [
    "a name that nobody knows",
    "ssh: Could not resolve hostname server: Name or service not known",
    /no DNS server/,
    /getent hosts server/,
  ],
  ["no sshd", "ssh: connect to host server port 2222: Connection refused", /no sshd listens/, /systemctl start ssh/],
  ["a host that is off", "Connection timed out during banner exchange", /the host is off/, /^ping server$/],
  [
    "an sshd that takes no more connections",
    "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 192.168.1.10 port 2222",
    /takes no more connections/,
    /MaxStartups/,
  ],
  ["no docker command", "bash: docker: command not found", /Docker is not installed there/, /apt-get install docker/],
  [
    "a docker command that is too old",
    "docker: 'system' is not a docker command.",
    /older than 18\.09/,
    /Docker 20\.10/,
  ],
  [
    "a socket that is not for this user",
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://…": dial unix /var/run/docker.sock: connect: permission denied',
    /its socket is not for this user/,
    /sudo usermod -aG docker me/,
  ],
  [
    "a daemon that does not run",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    /its daemon does not run/,
    /systemctl start docker/,
  ],
] as const)
  test(`ssh and Docker: ${what}`, () => {
    const [found, ...more] = preflight(explainDocker(host, said));
    assert.deepEqual(more, []);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", fix);
    assert.match(found?.seen ?? "", /^litellm-mcp:docker\.host ssh:/);
  });

test("a socket of this machine that is not for this user, as Node says it", () => {
  const [found] = preflight(explainDocker("unix:///var/run/docker.sock", "connect EACCES /var/run/docker.sock"));
  assert.match(found?.means ?? "", /its socket is not for this user/);
});

test("each problem of the host is a finding of its own", () => {
  const free = "Free it, or write another port at litellm-mcp:gateway.port";
  const found = preflight(
    `port 4000 on 127.0.0.1 is taken by container old-litellm. ${free}`,
    `port 4001 on 127.0.0.1 is taken by another program. ${free}`,
    addressProblem({ engine: "20.10.24", pools: [{ Base: "10.0.0.0/24", Size: 24 }], taken: ["10.0.0.0/24"] }, ["a"])!,
    "container postgres was not made by this program (image postgres:16). Either use it as it is: …",
    "there is no network shared on the host; there are a, b. Write one of these, or nothing, so that one is made",
    'litellm-mcp:postgres (existing) refuses admin@10.0.0.5:5432: password authentication failed for user "admin". ' +
      "Write the password of admin: pulumi config set --secret --path 'litellm-mcp:secrets.pgAdmin'; or another litellm-mcp:postgres.adminUser",
    "sshd on server lets nobody connect to a port of the host, which is how Postgres and LiteLLM's admin API are reached.",
    ...addressProblems([{ address: "192.168.1.11" }], ["127.0.0.1", "192.168.1.10"]),
    "something new",
  );
  assert.deepEqual(
    found.map(({ fix = "" }) => fix),
    [
      "docker stop old-litellm, if nobody needs it; or another port at litellm-mcp:gateway.port",
      "on the host, sudo ss -ltnp 'sport = :4001' says who has it; end it, or write another port at litellm-mcp:gateway.port",
      "on the host: docker network prune",
      "another litellm-mcp:namePrefix, or remove it: docs/host-in-use.md",
      "docker network ls on the host; docker network create shared, or write one that is there",
      "pulumi config set --secret --path 'litellm-mcp:secrets.pgAdmin'",
      "on the host, in /etc/ssh/sshd_config: AllowTcpForwarding yes; then sudo systemctl reload ssh",
      "write 192.168.1.10 at litellm-mcp:lan.address; or have the router give the host the old one always",
      "",
    ],
  );
  assert.equal(found.at(-1)?.means, OTHERWISE.means);
});

test("each problem of the settings is a finding of its own", () => {
  const problem = { file: "Pulumi.lan.yaml", path: "litellm-mcp:gateway.prot", found: "a key that nothing reads" };
  const message = new SettingsError([
    { ...problem, write: "port" },
    { ...problem, path: "litellm-mcp:models.gpt", found: "nothing", write: "`pulumi config set --secret --path 'x'`" },
  ]).message;
  assert.deepEqual(
    explain(`Running program failed:\n${message}`, OTHERWISE).map(({ fix }) => fix),
    ["in Pulumi.lan.yaml, write port", "pulumi config set --secret --path 'x'"],
  );
});

/** As Pulumi's library passes on what pulumi 3 says. */
const wrapped = (said: string) =>
  new Error(`code: -2\n stdout: \n stderr: Command failed with exit code 1: pulumi stack output --json
error: ${said}
 err?: Error: Command failed with exit code 1: pulumi stack output --json
error: ${said}\n`);

test("a passphrase that is wrong, and one that is not there", () => {
  const [wrong] = explained(
    wrapped("failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase"),
  )!;
  assert.match(wrong!.means ?? "", /encrypted with another passphrase/);
  assert.equal(
    wrong!.seen,
    "failed to decrypt: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase",
  );
  const [missing] = explained(
    wrapped(
      'constructing secrets manager of type "passphrase": constructing secrets manager: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /nosuch: no such file or directory',
    ),
  )!;
  assert.match(missing!.means ?? "", /not on this machine/);
});

test("a command ends with pulumi's own words, once, and what they mean", async () => {
  const shown = (error: Error) => stripVTControlCharacters(shownError(error));
  assert.match(
    shown(wrapped("incorrect passphrase")),
    /^incorrect passphrase\n {2}means {2}.*another passphrase.*\n {2}do .*$/,
  );
  assert.match(
    shown(wrapped("unable to open bucket postgres://127.0.0.1:9/x: dial tcp 127.0.0.1:9: connect: connection refused")),
    /^unable to open bucket postgres:.*\n {2}means .*PULUMI_BACKEND_URL/,
  );
  assert.match(
    shown(wrapped("PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions")),
    /nobody is logged in/,
  );
  assert.equal(shown(wrapped("something new")), "something new");
  const failed = step("a step of a test", () => Promise.reject(wrapped("incorrect passphrase")));
  assert.match(shown(await failed.then(assert.fail, (error: Error) => error)), /^incorrect passphrase\n {2}means/);
  const ours = "unknown stack typo: there are lan";
  assert.equal(shown(new Error(ours)), ours);
});

test("an error that nobody has thought of is no finding", () => {
  assert.equal(explained(new Error("unknown stack typo: there are lan")), undefined);
});

for (const [message, means, fix] of [
  [
    'MCP server "time" tool now, called with the key of "a", answered HTTP 502: LiteLLM does not know the key of client a',
    /deleted the key/,
    /^npm run up, which repairs/,
  ],
  ["HTTP 503: LiteLLM does not reach its Postgres database", /no way to its database/, /docker logs/],
  ["gateway check: what must fail did not:\n  - GET /routes", /do not use this gateway/, /npm run verify/],
  [
    'gateway check: the key of client "a" gets no answer from http://192.168.1.10:4000/mcp/: fetch failed',
    /firewall/,
    /curl/,
  ],
  [
    'MCP server "n8n" tool list, called with the key of "a", answered: 401 Unauthorized',
    /names as check fails/,
    /token/,
  ],
  [
    "Grafana (container grafana): data source LiteLLM MCP logs (loki) is not well: HTTP 400, dial tcp: no route to host",
    ...[/dashboards have no data/, /docs\/grafana\.md/],
  ],
  ["something new", /clients meet the same/, /npm run up/],
] as const)
  test(`the gateway check says: ${message.split("\n")[0]}`, () => {
    const explained = explainCheck(message, "npm run up");
    assert.match(explained.means ?? "", means);
    assert.match(explained.fix ?? "", fix);
  });
