import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { Pulumi } from "./deployed-stack.ts";

const VARIABLES = ["PATH", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"] as const;

/** Puts a `pulumi` first on PATH that knows the stack lan and answers from these files of its folder. */
async function replacePulumi(t: TestContext, { outputs = {}, resources = [] as unknown[] }): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "pulumi-"));
  const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
  t.after(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(folder, { recursive: true });
  });
  const write = (file: string, data: unknown) => writeFile(path.join(folder, file), JSON.stringify(data));
  await write("ls", [{ name: "lan" }, { name: "e2e" }]);
  await write("output", outputs);
  await write("export", { version: 3, deployment: { resources } });
  const script = '#!/bin/sh\n[ "$1" = version ] && echo v3.245.0 || cat "$(dirname "$0")/$2"\n';
  await writeFile(path.join(folder, "pulumi"), script);
  await chmod(path.join(folder, "pulumi"), 0o755);
  Object.assign(process.env, {
    PATH: `${folder}:${process.env.PATH}`,
    PULUMI_BACKEND_URL: "file:///nowhere",
    PULUMI_CONFIG_PASSPHRASE: "for tests",
  });
}

test("a stack that is not there is refused with those that are", async (t) => {
  await replacePulumi(t, {});
  await assert.rejects(Pulumi.existing("phone"), { message: "unknown stack phone: there are lan, e2e" });
});

test("outputs of an up that failed before its end are none", async (t) => {
  await replacePulumi(t, { outputs: { gateway: "http://127.0.0.1:4000/mcp/" } });
  const pulumi = await Pulumi.existing("lan");
  await assert.rejects(pulumi.outputs(), { message: "stack lan is not deployed: npm run up -- --stack lan" });
});

test("secrets of the state come in plain text, and what is about to be deleted does not count", async (t) => {
  const password = (name: string, value: string) => ({
    urn: `urn:pulumi:lan::litellm-mcp::random:index/randomPassword:RandomPassword::${name}`,
    type: "random:index/randomPassword:RandomPassword",
    outputs: { result: { "4dabf18193072939515e22adb298388d": "…", plaintext: JSON.stringify(value) } },
  });
  const resources = [password("salt", "new"), { ...password("salt", "old"), delete: true }];
  await replacePulumi(t, { resources });
  const passwords = await (await Pulumi.existing("lan")).passwords();
  assert.deepEqual(
    passwords.map(({ name, value }) => [name, value]),
    [["salt", "new"]],
  );
});
