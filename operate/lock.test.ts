import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isBuilt } from "../settings/schemas/server-schema.ts";
import { readServerFolders, type ServerFolder } from "../settings/server-folders.ts";
import { describeChange, lockables, lockedPackages, scriptsHint } from "./lock.ts";

const folder = (name: string, source: unknown) => ({ name, definition: { source } }) as ServerFolder;
const folders = [
  folder("time", { kind: "pypi", package: "mcp-server-time", version: "2026.10.19", command: ["mcp-server-time"] }),
  folder("everything", { kind: "npm", package: "@example/everything", version: "1.2.3", command: ["everything"] }),
  folder("postgres", { kind: "image", image: "example/postgres-mcp:0.3.0", command: [] }),
  folder("house", { kind: "url", url: "http://192.168.1.20/sse" }),
];

test("a server is resolved from the package and version of its server.yaml", () => {
  assert.deepEqual(lockables(["everything", "time"], folders), [
    {
      kind: "npm",
      name: "everything",
      manifest: '{\n  "private": true,\n  "dependencies": {\n    "@example/everything": "1.2.3"\n  }\n}\n',
      isWritten: true,
      installScripts: [],
    },
    { kind: "pypi", name: "time", requirements: "mcp-server-time==2026.10.19\n", firstLine: "" },
  ]);
});

test("unknown servers, images and addresses are refused together", () => {
  assert.throws(() => lockables(["nosuch", "time", "postgres", "house"], folders), {
    message:
      "nosuch: no such server under mcp/; there are time, everything, postgres, house\n" +
      "postgres: nothing to lock, its image example/postgres-mcp:0.3.0 is pinned by mcp/postgres/server.yaml\n" +
      "house: nothing to lock, it runs elsewhere, at http://192.168.1.20/sse",
  });
});

test("a program of one's own is resolved from what it asks for, and its package.json is left as it is", () => {
  const program = (name: string, language: string, file: string, text: string | undefined, wanted: string[]) => ({
    name,
    definition: { source: { kind: "program", language, command: ["x"], installScripts: ["b"], buildFromSource: [] } },
    program: { files: [], requirements: { file, text, wanted } },
  });
  const own = [
    program("dice", "python", "requirements.in", "mcp>=2 # SDK\nhttpx\n", ["httpx", "mcp>=2"]),
    program("words", "node", "package.json", '{"dependencies":{"zod":"4.1.0"}}', ["zod@4.1.0"]),
    program("shell", "python", "requirements.in", undefined, []),
  ] as unknown as ServerFolder[];
  assert.deepEqual(lockables(["dice", "words"], own), [
    {
      kind: "pypi",
      name: "dice",
      requirements: "mcp>=2 # SDK\nhttpx\n",
      firstLine: "# requirements.in: httpx | mcp>=2\n",
    },
    {
      kind: "npm",
      name: "words",
      manifest: '{"dependencies":{"zod":"4.1.0"}}',
      isWritten: false,
      installScripts: ["b"],
    },
  ]);
  assert.throws(() => lockables(["shell"], own), {
    message: "shell: nothing to lock, mcp/shell/requirements.in names no package",
  });
});

test("what would run programs when it is installed is named, unless it may", () => {
  const scripted = { version: "1", hasInstallScript: true };
  const packages = {
    "": { hasInstallScript: true },
    "node_modules/a": { version: "1" },
    "node_modules/b": scripted,
    "node_modules/c": scripted,
    "node_modules/a/node_modules/c": scripted,
  };
  const lock = JSON.stringify({ packages });
  assert.match(scriptsHint(lock, []) ?? "", /^ {2}Their install scripts do not run: b, c\. /);
  assert.match(scriptsHint(lock, ["b"]) ?? "", /^ {2}Their install scripts do not run: c\. /);
  assert.equal(scriptsHint(lock, ["b", "c"]), undefined);
});

const pip = (...pins: string[]) => pins.map((pin) => `${pin} \\\n    --hash=sha256:00==\n`).join("");

test("packages of requirements.txt are read without markers and hashes", () => {
  assert.deepEqual(
    lockedPackages(
      "pypi",
      `# a comment==1\n${pip("b==2 ; sys_platform == 'win32'", "a[x]==1.0", "b==2 ; python_full_version < '4'")}`,
    ),
    ["a[x]==1.0", "b==2"],
  );
});

test("packages of package-lock.json are read at every depth, without the folder itself", () => {
  const packages = {
    "": { version: "9" },
    "node_modules/@s/a": { version: "1" },
    "node_modules/@s/a/node_modules/b": { version: "2" },
  };
  assert.deepEqual(lockedPackages("npm", JSON.stringify({ packages })), ["@s/a@1", "b@2"]);
});

test("a change names the packages that went and came", () => {
  const before = pip("a==1", "b==1");
  assert.equal(describeChange("pypi", undefined, before), "new, 2 packages");
  assert.equal(describeChange("pypi", before, before), "unchanged, 2 packages");
  assert.equal(describeChange("pypi", before, pip("a==2", "b==1", "c==1")), "changed\n  - a==1\n  + a==2\n  + c==1");
  assert.equal(
    describeChange("pypi", before, before.replaceAll("00==", "01==")),
    "the same 2 packages, other hashes or details",
  );
});

const pinsOf = (manifest: string) =>
  Object.entries((JSON.parse(manifest) as { dependencies: Record<string, string> }).dependencies).map(
    ([name, version]) => `${name}@${version}`,
  );

test("the project's own locks hold what would be resolved", () => {
  const mcp = new URL("../mcp/", import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, mcp), "utf8");
  const own = readServerFolders(mcp.pathname);
  const packaged = own.filter(({ definition }) => definition && isBuilt(definition.source)).map(({ name }) => name);
  for (const target of lockables(packaged, own)) {
    const [file, wanted] =
      target.kind === "pypi"
        ? ["requirements.txt", target.requirements.split("\n").filter((line) => line && !line.startsWith("#"))]
        : ["package-lock.json", pinsOf(target.manifest)];
    const locked = lockedPackages(target.kind, read(`${target.name}/${file}`));
    for (const pin of wanted)
      assert.ok(locked.includes(pin), `${pin} is not in mcp/${target.name}/${file}: npm run lock -- ${target.name}`);
  }
});
