import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";
import { projectRoot } from "../../lib/project-root.ts";
import { buildHash, imageBuild, textFile } from "./image-build.ts";

const name = `image-build-test-${process.pid}`;
const context = path.join(projectRoot, "dist", name);
after(() => rm(context, { recursive: true, force: true }));

const files = { Dockerfile: textFile("FROM scratch\n"), "server/run": textFile("run\n") };

for (const [what, changed] of [
  ["a content", { files: { ...files, "server/run": textFile("walk\n") } }],
  ["a name", { files: { Dockerfile: files.Dockerfile, "server/ran": files["server/run"] } }],
  ["one more file, though empty", { files: { ...files, "server/more": textFile("") } }],
  ["whether a file is executable", { files: { ...files, "server/run": { ...files["server/run"], executable: true } } }],
  ["a build argument", { files, buildArgs: { BASE: "npm" } }],
  ["where one file ends and the next begins", { files: { Dockerfile: textFile("FROM scratch\nserver/runrun\n") } }],
] as const)
  test(`the hash changes with ${what}`, () => {
    assert.notEqual(buildHash(changed), buildHash({ files, buildArgs: { BASE: "python" } }));
    assert.notEqual(buildHash(changed), buildHash({ files }));
  });

test("the hash does not change with an order", () => {
  const turned = { "server/run": files["server/run"], Dockerfile: files.Dockerfile };
  assert.equal(
    buildHash({ files: turned, buildArgs: { b: "2", a: "1" } }),
    buildHash({ files, buildArgs: { a: "1", b: "2" } }),
  );
  assert.match(buildHash({ files }), /^[0-9a-f]{12}$/);
});

test("an image is named by its hash, which also triggers its build", () => {
  const build = { name, files, buildArgs: { BASE: "python" } };
  const hash = buildHash(build);
  assert.deepEqual(imageBuild(build), {
    name: `litellm-mcp/${name}:${hash}`,
    build: {
      context: `./dist/${name}`,
      dockerfile: "Dockerfile",
      buildLogFile: `./dist/${name}.log`,
      buildArgs: { BASE: "python" },
    },
    triggers: { hash },
  });
  assert.equal("buildArgs" in imageBuild({ name, files }).build!, false);
});

test("the context has exactly the files, and what is right already is left alone", async () => {
  const shown = async () =>
    (await readdir(context, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.relative(context, path.join(entry.parentPath, entry.name)))
      .sort();
  const at = (file: string) => path.join(context, file);
  imageBuild({ name, files });
  assert.deepEqual(await shown(), ["Dockerfile", "server/run"]);

  const longAgo = new Date(0);
  for (const file of await shown()) await utimes(at(file), longAgo, longAgo);
  await writeFile(at("server/left"), "of an earlier run");
  await chmod(at("Dockerfile"), 0o600);
  await chmod(at("server"), 0o700);
  await mkdir(at("left/behind"), { recursive: true });
  imageBuild({ name, files: { ...files, "server/run": { content: Buffer.from("ran\n"), executable: true } } });

  assert.deepEqual(await shown(), ["Dockerfile", "server/run"]);
  assert.deepEqual((await readdir(context)).sort(), ["Dockerfile", "server"]);
  assert.equal(await readFile(at("server/run"), "utf8"), "ran\n");
  const [kept, written] = [await stat(at("Dockerfile")), await stat(at("server/run"))];
  assert.equal(kept.mtimeMs, 0);
  const folder = await stat(at("server"));
  assert.deepEqual(
    [kept, written, folder].map(({ mode }) => mode & 0o777),
    [0o644, 0o755, 0o755],
  );
  assert.ok(written.mtimeMs > 0);
});
