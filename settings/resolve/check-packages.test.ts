import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import { git, inFile, load, programFiles, refused, time, timeYaml } from "../../tests/small-stack.ts";

const pinned = (...pins: string[]) => pins.map((pin) => `${pin} \\\n    --hash=sha256:0000\n`).join("");
const lockedFor = (wanted: string, ...pins: string[]) => `# requirements.in: ${wanted}\n${pinned(...pins)}`;

const manifest = { private: true, dependencies: { zod: "^4.0.0" } };
const nodeFiles = (lock: object, changes = {}, asked: object = manifest) =>
  programFiles(
    { program: "node", command: ["node", "server.mjs"], ...changes },
    {
      "server.mjs": "",
      "package.json": JSON.stringify(asked),
      "package-lock.json": JSON.stringify({ packages: lock }),
    },
  );
const good = {
  "": manifest,
  "node_modules/zod": { version: "4.1.0" },
  "node_modules/better-sqlite3": { version: "12.0.0", hasInstallScript: true },
};

refused([
  inFile(
    "program without a lock",
    programFiles({}, { "requirements.in": "# SDK\nmcp>=2,<3  # of 2026\n" }),
    "dice/requirements.txt",
    "(file)",
    "nothing",
    "run `npm run lock -- dice`: packages are only installed from a package lock",
  ),
  inFile(
    "lock of other requirements",
    programFiles(
      {},
      { "requirements.in": "httpx\nmcp>=2,<3\n", "requirements.txt": lockedFor("mcp>=1", "mcp==2.0.0") },
    ),
    "dice/requirements.txt",
    "(file)",
    "made for mcp>=1",
    "run `npm run lock -- dice`: requirements.in asks for httpx, mcp>=2,<3",
  ),
  inFile(
    "lock that somebody else wrote",
    programFiles({}, { "requirements.in": "httpx\n", "requirements.txt": pinned("httpx==0.28.1") }),
    "dice/requirements.txt",
    "(file)",
    "made for nobody knows what",
    "run `npm run lock -- dice`: requirements.in asks for httpx",
  ),
  inFile(
    "lock without requirements",
    programFiles({}, { "requirements.txt": lockedFor("httpx", "httpx==0.28.1") }),
    "dice/requirements.txt",
    "(file)",
    "packages that nothing asks for",
    "remove it, or name them in requirements.in",
  ),
  inFile(
    "requirements with an option",
    programFiles({}, { "requirements.in": "-r more.in\n" }),
    "dice/requirements.in",
    "(file)",
    "-r more.in, an option",
    "a package on each line, such as httpx>=0.28, and no options",
  ),
  inFile(
    "lock of another package.json",
    nodeFiles(good, {}, { dependencies: { zod: "^5.0.0" } }),
    "dice/package-lock.json",
    "(file)",
    "made for zod@^4.0.0",
    "run `npm run lock -- dice`: package.json asks for zod@^5.0.0",
  ),
  inFile(
    "package.json that is no JSON",
    { ...nodeFiles(good), "dice/package.json": "{" },
    "dice/package.json",
    "(file)",
    "Expected property name or '}' in JSON at position 1 (line 1 column 2)",
    "valid JSON",
  ),
  inFile(
    "install script of a package that is not there",
    nodeFiles(good, { installScripts: ["sqlite3"] }),
    "dice/server.yaml",
    "source.installScripts[0]",
    '"sqlite3"',
    "the name of a package in package-lock.json; with install scripts there are better-sqlite3",
  ),
  inFile(
    "install script of a package without one",
    nodeFiles(good, { installScripts: ["better-sqlite3", "zod"] }),
    "dice/server.yaml",
    "source.installScripts[1]",
    '"zod"',
    "leave it out: this package has no install script",
  ),
  inFile(
    "install script of a package that would be another command",
    { "git/server.yaml": stringify({ ...git, source: { ...git.source, installScripts: ["x; rm -rf /"] } }) },
    "git/server.yaml",
    "source.installScripts[0]",
    '"x; rm -rf /"',
    "the name of a package on npm",
  ),
  inFile(
    "install script of a package from PyPI",
    timeYaml({ source: { ...time.source, installScripts: ["x"] } }),
    "time/server.yaml",
    "source.installScripts",
    '["x"]',
    "leave it out: it is for packages from npm",
  ),
  inFile(
    "source of a package from npm",
    nodeFiles(good, { buildFromSource: ["zod"] }),
    "dice/server.yaml",
    "source.buildFromSource",
    '["zod"]',
    "leave it out: it is for packages from PyPI",
  ),
  inFile(
    "source of a package that is not there",
    timeYaml({ source: { ...time.source, buildFromSource: ["pycairo"] } }),
    "time/server.yaml",
    "source.buildFromSource[0]",
    '"pycairo"',
    "the name of a package in requirements.txt",
  ),
  inFile(
    "source of a package in a program that has none",
    programFiles({ buildFromSource: ["pycairo"] }),
    "dice/server.yaml",
    "source.buildFromSource[0]",
    '"pycairo"',
    "the name of a package in requirements.txt",
  ),
]);

const sourceOf = (files: Record<string, string>, server = "dice") =>
  load({ files }).servers.find(({ name }) => name === server)!.source;

test("a program with locked packages; comments and order in what it asks for make no difference", () => {
  const files = programFiles(
    {},
    {
      "requirements.in": "mcp>=2,<3 # SDK\n\n# more\nhttpx\n",
      "requirements.txt": lockedFor("httpx | mcp>=2,<3", "httpx==0.28.1", "mcp==2.0.0"),
    },
  );
  assert.deepEqual(sourceOf(files), { kind: "wrapped", runtime: "python", isOwnProgram: true, builtPackages: [] });
  assert.deepEqual(sourceOf(nodeFiles(good)), {
    kind: "wrapped",
    runtime: "npm",
    isOwnProgram: true,
    builtPackages: [],
  });
});

test("a package.json that asks for nothing needs no lock", () => {
  const files = programFiles(
    { program: "node", command: ["node", "server.mjs"] },
    { "server.mjs": "", "package.json": '{ "type": "module" }' },
  );
  assert.equal(sourceOf(files).kind, "wrapped");
});

test("packages that run programs of theirs in the build, from either registry and by any of their names", () => {
  const built = (source: ReturnType<typeof sourceOf>) => source.kind === "wrapped" && source.builtPackages;
  assert.deepEqual(built(sourceOf(nodeFiles(good, { installScripts: ["better-sqlite3"] }))), ["better-sqlite3"]);
  const files = timeYaml({ source: { ...time.source, buildFromSource: ["MCP_server.time"] } });
  assert.deepEqual(built(sourceOf(files, "time")), ["MCP_server.time"]);
});

test("of a server that is off nothing is asked", () => {
  const files = programFiles({}, { "requirements.in": "mcp\n" });
  assert.equal(load({ files, config: { servers: { dice: { enabled: false } } } }).servers.length, 3);
});

test("the version that counts is that of the package itself, not of one below another", () => {
  const lock = {
    "node_modules/a/node_modules/@example/git": { version: "0.9.0" },
    "node_modules/@example/git": { version: "1.2.3" },
  };
  assert.ok(sourceOf({ "git/package-lock.json": JSON.stringify({ packages: lock }) }, "git"));
});
