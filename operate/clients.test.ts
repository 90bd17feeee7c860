import assert from "node:assert/strict";
import { test } from "node:test";
import { type Options, plan } from "./clients.ts";

const clients = ["claude-code", "codex", "test-key"];
const planned = (options: Omit<Options, "stack">, names = clients) =>
  plan({ stack: "lan", ...options }, names, "/out").map(
    ({ client, app, place }) => `${client} ${app.name} ${place.kind === "folder" ? place.folder : "installed"}`,
  );

test("into a folder: every client, each with its own app or with all", () => {
  assert.deepEqual(planned({}), [
    "claude-code claude-code /out/claude-code/claude-code",
    "codex codex /out/codex/codex",
    ...["claude-code", "gemini-cli", "codex", "vscode", "open-webui", "inspector"].map(
      (app) => `test-key ${app} /out/test-key/${app}`,
    ),
  ]);
  assert.deepEqual(planned({ client: "codex" }), ["codex codex /out/codex/codex"]);
  assert.deepEqual(planned({ client: "codex", app: "vscode" }), ["codex vscode /out/codex/vscode"]);
});

test("installed: one client for each app", () => {
  assert.deepEqual(planned({ install: true }), ["claude-code claude-code installed", "codex codex installed"]);
  assert.deepEqual(planned({ install: true, app: "codex" }), ["codex codex installed"]);
  assert.deepEqual(planned({ install: true, app: "codex", client: "test-key" }), ["test-key codex installed"]);
});

test("what cannot be is refused, with what can", () => {
  assert.throws(() => planned({ client: "phone" }), {
    message:
      "--client phone: stack lan has the clients claude-code, codex, test-key; others are added under litellm-mcp:clients in Pulumi.lan.yaml, then npm run up",
  });
  assert.throws(() => planned({ install: true }, ["phone", "test-key"]), {
    message: "--install: no client of stack lan has the name of an app; choose one with --client: phone, test-key",
  });
  assert.throws(() => planned({ install: true, app: "vscode" }), {
    message:
      "--install: no client of stack lan has the name of the app vscode; choose one with --client: claude-code, codex, test-key",
  });
});
