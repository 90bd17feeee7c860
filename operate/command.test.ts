import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { projectRoot } from "../lib/project-root.ts";
import { command, refuseSwallowed, stackOption } from "./command.ts";

const verify = command("verify", "…").addOption(stackOption()).option("--accept-suspicious").option("--yes");

test("an option that npm took for its own is refused with what to write", () => {
  assert.throws(() => refuseSwallowed(verify, { npm_config_stack: "lan" }), {
    message: "npm took --stack for an option of its own. Write it after --:  npm run verify -- --stack …",
  });
  assert.throws(
    () => refuseSwallowed(verify, { npm_config_accept_suspicious: "true" }),
    /npm took --accept-suspicious/,
  );
  const tools = command("tools", "…");
  tools.command("list").addOption(stackOption());
  assert.throws(() => refuseSwallowed(tools, { npm_config_stack: "true" }), /npm run tools -- --stack/);
});

test("npm's own settings, and other options, are not refused", () => {
  refuseSwallowed(verify, {
    npm_config_yes: "true",
    npm_config_registry: "https://registry.example",
    npm_config_out: "x",
  });
});

for (const name of ["up", "env", "tools", "add"])
  test(`npm run ${name} -- --help says what the command does, with nothing prepared`, async () => {
    // No program on PATH but Node: whatever looked for Pulumi or Docker would say so.
    const { stdout, stderr } = await execa(process.execPath, ["bootstrap/run.mjs", `operate/${name}.ts`, "--help"], {
      cwd: projectRoot,
      env: { PATH: path.dirname(process.execPath) },
    });
    assert.match(stdout, new RegExp(`^Usage: npm run ${name} -- `));
    assert.equal(stderr, "");
  });
