import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerDefinition } from "../../settings/schemas/server-schema.ts";
import { ageOf, reasonOfPip, type Registries } from "./newest.ts";
import { withVersion } from "./newer-tools.ts";

type Source = ServerDefinition["source"];
const source = (of: object) => of as Source;
const pypi = source({ kind: "pypi", package: "mcp-server-time", version: "2026.10.19" });
const npm = source({ kind: "npm", package: "@a/b", version: "1.2.0" });
const image = (reference: string) => source({ kind: "image", image: reference });

const registries = (answers: Partial<Record<keyof Registries, unknown>>): Registries => {
  const answer = (kind: keyof Registries) => () => {
    const given = answers[kind];
    return given instanceof Error ? Promise.reject(given) : Promise.resolve(given as never);
  };
  return { npm: answer("npm"), pypi: answer("pypi"), tags: answer("tags") };
};

for (const [what, of, answers, version, newest, isOutdated] of [
  ["of PyPI", pypi, { pypi: "2026.11.2" }, "2026.10.19", "2026.11.2", true],
  ["of PyPI that is the newest", pypi, { pypi: "2026.10.19" }, "2026.10.19", "2026.10.19", false],
  ["of npm", npm, { npm: "1.10.0" }, "1.2.0", "1.10.0", true],
  ["of npm that is ahead of it", npm, { npm: "1.1.0" }, "1.2.0", "1.1.0", false],
  ["of an image", image("ghcr.io/a/b:v1.9.0"), { tags: ["v1.9.0", "v2.0.0", "latest"] }, "v1.9.0", "v2.0.0", true],
] as const)
  test(`a version ${what} is compared with the newest there is`, async () => {
    const age = await ageOf("x", of, registries(answers));
    assert.deepEqual([age.version, age.newest, age.isOutdated, age.problem], [version, newest, isOutdated, undefined]);
  });

test("a registry that does not answer is said, and is no error", async () => {
  const age = await ageOf("x", npm, registries({ npm: new Error("npm does not say: no network") }));
  assert.deepEqual([age.newest, age.isOutdated, age.problem], [undefined, false, "npm does not say: no network"]);
});

for (const [what, of, message] of [
  ["an image by digest", image("a/b@sha256:01"), /digest/],
  ["an image whose tag is no number", image("a/b:latest"), /its tag latest has no number/],
  ["a server elsewhere", source({ kind: "url", url: "http://x.lan/mcp" }), /runs elsewhere/],
  ["a program of one's own", source({ kind: "program", language: "python" }), /npm run lock/],
] as const)
  test(`${what} has no newest version, and it is said why`, async () => {
    const { newest, isOutdated, problem } = await ageOf("x", of, registries({ tags: ["1.0"] }));
    assert.deepEqual([newest, isOutdated], [undefined, false]);
    assert.match(problem ?? "", message);
  });

test("a server.yaml gets another version, or tag, and keeps its comments", () => {
  const yaml = "# Reaches nothing.\nsource:\n  pypi: a\n  version: 1.0.0 # pinned\n";
  assert.equal(withVersion(yaml, "1.1.0"), yaml.replace("1.0.0", "1.1.0"));
  for (const [reference, newer] of [
    ["ghcr.io/a/b:v1.9.0", "ghcr.io/a/b:2"],
    ["images.lan:5000/b", "images.lan:5000/b:2"],
    ["a/b:1@sha256:01", "a/b:2"],
  ] as const)
    assert.equal(withVersion(`source:\n  image: ${reference}\n`, "2"), `source:\n  image: ${newer}\n`);
});

test("of what pip says the reason is shown", () => {
  const warning = `WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("<HTTPSConnection object>: Failed to establish a new connection: [Errno 111] Connection refused")': /simple/a/`;
  const nothing = "ERROR: No matching distribution found for a";
  assert.equal(
    reasonOfPip(`${warning}\n${nothing}\n`),
    "Failed to establish a new connection: [Errno 111] Connection refused",
  );
  assert.equal(reasonOfPip(`${nothing}\n`), "No matching distribution found for a");
});
