import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { readSalt, readStack } from "./stack-file.ts";

/**
 * Gives the configuration as the engine does: structured values as JSON, and the keys under which something is
 * encrypted.
 */
function withConfig(config: Record<string, string>, secretKeys: readonly string[] = []) {
  pulumi.runtime.setAllConfig(config, [...secretKeys]);
  return readStack();
}

test("structured values are parsed, plain ones stay text, other namespaces are left alone", () => {
  const { config, secretNames } = withConfig({
    "litellm-mcp:docker": '{"host":"unix:///d.sock"}',
    "litellm-mcp:models": '[{"name":"a"}]',
    "litellm-mcp:namePrefix": "lab-",
    "litellm-mcp:odd": "{not json",
    "docker:host": "unix:///x",
  });
  assert.deepEqual(config, {
    docker: { host: "unix:///d.sock" },
    models: [{ name: "a" }],
    namePrefix: "lab-",
    odd: "{not json",
  });
  assert.deepEqual(secretNames, []);
});

test("secrets leave by name, and as secret outputs", async () => {
  const stack = withConfig({ "litellm-mcp:secrets": '{"openaiKey":"sk-live","zone":"12345"}' }, [
    "litellm-mcp:secrets",
  ]);
  assert.deepEqual(stack.secretNames, ["openaiKey", "zone"]);
  assert.equal(JSON.stringify(stack.config).includes("sk-live"), false);
  assert.equal("secrets" in stack.config, false);
  const output = stack.secret("openaiKey");
  assert.equal(await pulumi.isSecret(output), true);
  assert.equal(await new Promise((resolve) => output.apply(resolve)), "sk-live");
  assert.throws(() => stack.secret("opnaiKey"), /No secret litellm-mcp:secrets\.opnaiKey in this stack/);
});

test("secrets in plain text and encrypted values elsewhere are handed on to be refused", () => {
  const { config, secretNames } = withConfig(
    { "litellm-mcp:secrets": '{"openaiKey":"sk-plain"}', "litellm-mcp:gateway": '{"image":"x"}' },
    ["litellm-mcp:gateway"],
  );
  assert.deepEqual(secretNames, []);
  assert("secrets" in config);
  assert.equal(typeof config["gateway"], "symbol");
});

test("the salt of a stack's file is what Pulumi wrote there", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "salt-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "Pulumi.lan.yaml");
  const salt = (text: string) => {
    writeFileSync(file, text);
    return readSalt(file);
  };
  assert.equal(salt("encryptionsalt: v1:abc=\nconfig: {}\n"), "v1:abc=");
  assert.equal(salt("secretsprovider: awskms://x\nencryptedkey: def\n"), "def");
  assert.equal(salt("config: {}\n"), "");
  assert.equal(salt(""), "");
  assert.equal(readSalt(path.join(folder, "Pulumi.other.yaml")), "");
});
