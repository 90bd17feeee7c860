import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readServerFolders, type ServerFolder } from "../settings/server-folders.ts";
import { describeChange, lockables, lockedPackages } from "./lock.ts";

const folder = (name: string, source: unknown) => ({ name, definition: { source } }) as ServerFolder;
const folders = [
  folder("time", { kind: "pypi", package: "mcp-server-time", version: "2026.10.19", command: ["mcp-server-time"] }),
  folder("everything", { kind: "npm", package: "@example/everything", version: "1.2.3", command: ["everything"] }),
  folder("postgres", { kind: "image", image: "example/postgres-mcp:0.3.0", command: [] }),
];

test("a server is resolved from the package and version of its server.yaml, the wrapper from its requirements.in", () => {
  assert.deepEqual(lockables(["_wrapper", "everything", "time"], folders, "mcp-proxy==1\n"), [
    { kind: "pypi", name: "_wrapper", requirements: "mcp-proxy==1\n" },
    { kind: "npm", name: "everything", package: "@example/everything", version: "1.2.3" },
    { kind: "pypi", name: "time", requirements: "mcp-server-time==2026.10.19\n" },
  ]);
});

test("unknown servers and images are refused together", () => {
  assert.throws(() => lockables(["nosuch", "time", "postgres"], folders, ""), {
    message:
      "nosuch: no such server under mcp/; there are time, everything, postgres, _wrapper\n" +
      "postgres: nothing to lock, its image example/postgres-mcp:0.3.0 is pinned by mcp/postgres/server.yaml",
  });
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

test("the project's own locks hold what would be resolved", () => {
  const mcp = new URL("../mcp/", import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, mcp), "utf8");
  const own = readServerFolders(mcp.pathname);
  const packaged = own
    .filter(({ definition }) => definition && definition.source.kind !== "image")
    .map(({ name }) => name);
  for (const target of lockables([...packaged, "_wrapper"], own, read("_wrapper/requirements.in"))) {
    const [file, wanted] =
      target.kind === "pypi"
        ? ["requirements.txt", target.requirements.split("\n").filter((line) => line && !line.startsWith("#"))]
        : ["package-lock.json", [`${target.package}@${target.version}`]];
    const locked = lockedPackages(target.kind, read(`${target.name}/${file}`));
    for (const pin of wanted)
      assert.ok(locked.includes(pin), `${pin} is not in mcp/${target.name}/${file}: npm run lock -- ${target.name}`);
  }
});
