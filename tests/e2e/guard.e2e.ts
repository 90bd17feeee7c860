import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { leftovers, removeLeftovers } from "./docker.ts";
import { Workspace } from "./workspace.ts";

// A program into which somebody has written what the LAN guard forbids; none of it may be created.
const PREFIX = "e2e-guard-";

let workspace: Workspace;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create("guard", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: 17000 },
    "litellm-mcp:postgres": { kind: "dedicated", port: 17432 },
  });
  await workspace.editFile("components/docker/networks.ts", (text) =>
    text.replace(
      "    this.registerOutputs(",
      `    new docker.Container(
      "proxy-container",
      { image: "traefik:v3", ports: [{ internal: 80, external: 17080 }], volumes: [{ hostPath: "/var/run", containerPath: "/host" }] },
      { parent: this },
    );
    this.registerOutputs(`,
    ),
  );
  const { exitCode, output } = await workspace.run("pulumi", ["stack", "init", "guard", "--non-interactive"]);
  assert.equal(exitCode, 0, output);
});

after(async () => {
  await workspace.end();
});

for (const [title, command] of [
  ["a preview", ["preview"]],
  ["an up without a preview", ["up", "--yes", "--skip-preview"]],
] as const)
  test(`${title} stops at what the LAN guard forbids, and creates nothing`, async () => {
    const { exitCode, output, seconds } = await workspace.pulumi(...command);
    console.log(`${title}: ${seconds.toFixed(1)} s`);
    assert.notEqual(exitCode, 0, output);
    for (const part of [
      'error: LAN guard: Container "proxy-container" is not allowed, nothing was changed:',
      "- image traefik:v3: no reverse proxy",
      "- port 17080 published on every address of the host: publish it on 127.0.0.1 (litellm-mcp:lan.address)",
      "- mount of /var/run: whoever has it has the Docker daemon",
    ])
      assert.ok(output.includes(part), `${part} is not in:\n${output}`);
    // Resources that wait for the guard's verdict fail with it, and print no error of their own.
    assert.equal(output.match(/error: /g)?.length, output.match(/error: LAN guard:/g)?.length, output);
    const { deployment } = JSON.parse(await workspace.exportState({ showSecrets: false })) as {
      deployment: { resources?: { type: string }[] };
    };
    // The state may have the stack's id and nothing else: it is made first, to tell whose containers are on the host.
    const harmless = ["pulumi:pulumi:Stack", "pulumi:providers:random", "random:index/randomUuid:RandomUuid"];
    assert.deepEqual(
      (deployment.resources ?? []).map(({ type }) => type).filter((type) => !harmless.includes(type)),
      [],
    );
    assert.deepEqual(await leftovers(PREFIX), []);
  });
