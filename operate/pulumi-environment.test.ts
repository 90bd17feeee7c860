import assert from "node:assert/strict";
import { test } from "node:test";
import { execa } from "execa";
import { shellLines } from "./pulumi-environment.ts";

test("a shell is given what was prepared, and no token or passphrase that it has already", async () => {
  const given = {
    PATH: "/it's/bin:/usr/bin",
    PULUMI_HOME: "/cache/pulumi",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_ACCESS_TOKEN: "pul-secret",
    PULUMI_CONFIG_PASSPHRASE: "secret passphrase",
    PULUMI_BACKEND_URL: "postgres://user:secret@server/state",
    HOME: "/home/me",
  };
  const lines = shellLines(given, { PULUMI_CONFIG_PASSPHRASE_FILE: "/config/passphrase" });
  assert.ok(!lines.join("\n").includes("secret"), lines.join("\n"));
  const { stdout } = await execa("/bin/sh", [
    "-c",
    `${lines.join("\n")}\nprintf '%s\\n' "$PATH" "$PULUMI_HOME" "$PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" "$PULUMI_CONFIG_PASSPHRASE_FILE"`,
  ]);
  assert.deepEqual(stdout.split("\n"), ["/it's/bin:/usr/bin", "/cache/pulumi", "true", "/config/passphrase"]);
});
