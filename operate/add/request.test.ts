import assert from "node:assert/strict";
import { test } from "node:test";
import { type AddOptions, readRequest, wordsOf } from "./request.ts";

for (const [options, wanted] of [
  [{ npm: "@scope/name@1.2.3" }, { kind: "npm", package: "@scope/name", version: "1.2.3" }],
  [{ npm: "@scope/name" }, { kind: "npm", package: "@scope/name", version: undefined }],
  [{ npm: "name@1.2.3-rc.1" }, { kind: "npm", package: "name", version: "1.2.3-rc.1" }],
  [{ pypi: "name==2026.1" }, { kind: "pypi", package: "name", version: "2026.1" }],
  [{ pypi: "name@1.0" }, { kind: "pypi", package: "name", version: "1.0" }],
  [{ pypi: "name" }, { kind: "pypi", package: "name", version: undefined }],
  [
    { image: "a/b:1", transport: "http", port: "80" },
    { kind: "image", image: "a/b:1" },
  ],
  [{ url: "http://a.lan/mcp" }, { kind: "url", url: "http://a.lan/mcp" }],
] as const)
  test(`read: ${JSON.stringify(options)}`, () => assert.deepEqual(readRequest("x", options).wanted, wanted));

test("variables, secrets and the words of a command are read", () => {
  const options = { npm: "a", env: ["A=1", "B=x=y", "C="], secret: ["T=token"], command: "a --b 'c d'", egress: true };
  const { env, secrets, command, egress, data } = readRequest("x", options);
  assert.deepEqual(
    { env, secrets, command, egress, data },
    {
      ...{ env: { A: "1", B: "x=y", C: "" }, secrets: { T: "token" } },
      ...{ command: ["a", "--b", "c d"], egress: true, data: false },
    },
  );
});

for (const [title, options, ...expected] of [
  ["nothing", {}, /exactly one of/],
  ["two sources", { npm: "a", pypi: "a" }, /exactly one of/],
  ["a range", { npm: "a@^1.0.0" }, /--npm a@\^1\.0\.0: one exact version/],
  ["a tag", { npm: "a@latest" }, /one exact version, such as a@1\.2\.3; left out, it is the newest/],
  ["half a version", { npm: "a@1.2" }, /one exact version/],
  ["a wildcard", { pypi: "a==1.*" }, /--pypi a==1\.\*: one exact version/],
  [
    "a package with a port and a transport",
    { npm: "a", port: "1", transport: "sse" },
    /--port: leave/,
    /--transport: leave/,
  ],
  ["an image without what it needs", { image: "a:1" }, /--transport: an image/, /--port: say/],
  ["an address with a command", { url: "http://a/", command: "x" }, /--command: leave it out/],
  [
    "variables without a name or a value",
    { npm: "a", env: ["A", "=b"] },
    /--env A: write/,
    /--env =b: write it as NAME=VALUE/,
  ],
  ["a secret without a name", { npm: "a", secret: ["A"] }, /--secret A: write it as NAME=SECRET/],
] as const satisfies readonly (readonly [string, AddOptions, ...RegExp[]])[])
  test(`refused: ${title}`, () => {
    for (const message of expected) assert.throws(() => readRequest("x", options), { message });
  });

test("words are split as a shell would, and quotes do not show", () => {
  assert.deepEqual(wordsOf(`python3 -c "import a\nb('c')" --x='y z' ""`), [
    ...["python3", "-c", "import a\nb('c')", "--x=y z", ""],
  ]);
});
