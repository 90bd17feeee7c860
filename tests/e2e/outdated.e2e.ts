import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import semver from "semver";
import { docker } from "./docker.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// What can be newer: of PyPI and npm, and of images, for which a STAND-IN of a registry answers. Nothing is deployed.
const STACK = "e2eoutdated";
/** Tags of each image that the stand-in has. It gives one a page, and only to those who got a token. */
const TAGS: Readonly<Record<string, readonly string[]>> = {
  "berriai/litellm": ["v1.77.3-stable", "v1.83.14-stable", "v1.106.2", "v1.107.0-nightly", "main-latest"],
  "library/postgres": ["17.6-trixie", "17.9-trixie", "18.1-trixie", "18.1-alpine"],
  "crystaldba/postgres-mcp": ["0.3.0", "0.4.0", "latest"],
};

let registry: http.Server;
let address: string;
let workspace: Workspace;

before(async () => {
  registry = http.createServer((request, response) => {
    const url = new URL(request.url!, `http://${request.headers.host}`);
    const answer = (status: number, body: object, headers: Record<string, string> = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    if (url.pathname === "/token") return answer(200, { token: `for ${url.searchParams.get("scope")}` });
    const [, repository = ""] = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname) ?? [];
    const scope = `repository:${repository}:pull`;
    if (request.headers.authorization !== `Bearer for ${scope}`)
      return answer(401, {}, { "www-authenticate": `Bearer realm="${url.origin}/token",scope="${scope}"` });
    const tags = TAGS[repository];
    if (!tags) return answer(404, { errors: [{ code: "NAME_UNKNOWN" }] });
    const at = tags.indexOf(url.searchParams.get("last") ?? "") + 1;
    const more = at + 1 < tags.length;
    return answer(
      200,
      { tags: [tags[at]] },
      more ? { link: `<${url.pathname}?last=${tags[at]}&n=1>; rel="next"` } : {},
    );
  });
  await once(registry.listen(0, "127.0.0.1"), "listening");
  address = `localhost:${(registry.address() as AddressInfo).port}`;
  workspace = await Workspace.create(STACK, {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": "e2e-outdated-",
    "litellm-mcp:gateway": { image: `${address}/berriai/litellm:v1.77.3-stable` },
    "litellm-mcp:postgres": { kind: "dedicated", image: `${address}/library/postgres:17.6-trixie` },
    "litellm-mcp:redis": { image: `${address}/library/redis:8.0-trixie` },
    "litellm-mcp:servers": { git: { enabled: false } },
  });
  await replace("mcp/time/server.yaml", "version: 2026.10.19", "version: 2026.6.4");
  await replace("mcp/memory/server.yaml", "version: 2026.8.31", "version: 2026.1.26");
  await replace("mcp/postgres/server.yaml", "image: crystaldba/", `image: ${address}/crystaldba/`);
});

after(async () => {
  registry.closeAllConnections();
  registry.close();
  await workspace.remove();
});

async function replace(file: string, text: string, other: string): Promise<void> {
  const location = path.join(workspace.root, file);
  const before = await readFile(location, "utf8");
  assert.ok(before.includes(text), `${file} has no ${text}`);
  await writeFile(location, before.replace(text, other));
}

/** Without what is said meanwhile, on the error output. */
async function outdated(...args: string[]): Promise<string> {
  const words = ["npm", "run", "--silent", "outdated", "--", "--stack", STACK, ...args].join(" ");
  const { exitCode, output } = await workspace.run("bash", ["-c", `${words} 2>/dev/null`]);
  assert.equal(exitCode, 0, output);
  return output;
}

interface Found {
  readonly version: string | null;
  readonly newest: string | null;
  readonly isOutdated: boolean;
  readonly problem: string | null;
  readonly laterMajor?: string | null;
}

test("of each image and each server that is on: what it is, and the newest that its registry has", async () => {
  const { images, servers } = JSON.parse(await outdated("--json")) as {
    images: (Found & { part: string })[];
    servers: (Found & { server: string })[];
  };
  assert.deepEqual(
    images.map(({ part, version, newest, isOutdated, laterMajor }) => [part, version, newest, isOutdated, laterMajor]),
    [
      ["LiteLLM", "v1.77.3-stable", "v1.106.2", true, null],
      ["Postgres", "17.6-trixie", "17.9-trixie", true, "18.1-trixie"],
      ["Redis", "8.0-trixie", null, false, null],
    ],
  );
  assert.match(images[2]!.problem ?? "", /answers HTTP 404 for library\/redis$/);
  const byName = new Map(servers.map((one) => [one.server, one]));
  assert.ok(!byName.has("git"));
  for (const [name, version] of [
    ["time", "2026.6.4"],
    ["memory", "2026.1.26"],
  ] as const) {
    const { version: has, newest, isOutdated, problem } = byName.get(name)!;
    assert.deepEqual([has, isOutdated, problem], [version, true, null]);
    assert.ok(newest !== null && semver.gt(newest, version), `${name} ${newest}`);
  }
  const { newest, isOutdated } = byName.get("postgres")!;
  assert.deepEqual([newest, isOutdated], ["0.4.0", true]);
});

test("the tables say the same, and what to do", async () => {
  const printed = await outdated();
  assert.match(printed, /│ LiteLLM +│ images │ .* │ v1\.77\.3-stable +│ v1\.106\.2 +│ can be newer │/);
  assert.match(printed, /│ time +│ PyPI +│ mcp-server-time +│ 2026\.6\.4 +│ 20\S+ +│ can be newer │/);
  assert.match(printed, /^Redis: http:\/\/localhost:\d+ answers HTTP 404 for library\/redis$/m);
  assert.match(printed, /\d+ of \d+ can be newer: LiteLLM, Postgres, .*time.* Of 1 no registry says it\.$/m);
  assert.match(printed, /^LiteLLM: v1\.106\.2 at litellm-mcp:gateway\.image, .*docs\/litellm-versions\.md$/m);
  assert.match(printed, /^There is Postgres 18\.1-trixie as well\. It does not read the volume of 17\.6-trixie: /m);
});

test("registries that do not answer are said, and are no error", async () => {
  const words = `npm run --silent outdated -- --stack ${STACK} --json 2>/dev/null`;
  const { exitCode, output } = await workspace.run("bash", ["-c", words], {
    env: { NPM_CONFIG_REGISTRY: "http://127.0.0.1:1", PIP_INDEX_URL: "http://127.0.0.1:1/simple" },
  });
  assert.equal(exitCode, 0, output);
  const { servers } = JSON.parse(output) as { servers: (Found & { server: string })[] };
  for (const [name, says] of [
    ["time", /^pip does not say: /],
    ["memory", /^npm does not say: /],
  ] as const)
    assert.match(servers.find(({ server }) => server === name)?.problem ?? "", says);
});

test("of a server that is named, what changes in its tools, and nothing is left", longOnly, async () => {
  // As if an earlier version had listed it so.
  const lock = path.join(workspace.root, "mcp/time/tools.lock.json");
  const approved = await readFile(lock, "utf8");
  await replace("mcp/time/tools.lock.json", "get_current_time", "get_time");
  const before = await docker.listContainers({ all: true });
  const printed = await outdated("time", "--yes");
  assert.match(printed, /^time \S+ lists other tools:[^]*get_current_time/m);
  await writeFile(lock, approved);
  assert.match(await outdated("time", "--yes"), /^time \S+ lists the same tools$/m);
  assert.match(await readFile(path.join(workspace.root, "mcp/time/server.yaml"), "utf8"), /version: 2026\.6\.4/);
  const names = (containers: typeof before) => containers.flatMap(({ Names }) => Names);
  const throwAway = (containers: typeof before) => names(containers).filter((name) => /litellm-mcp-/.test(name));
  assert.deepEqual(throwAway(await docker.listContainers({ all: true })), throwAway(before));
});
