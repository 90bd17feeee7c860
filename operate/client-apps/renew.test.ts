import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { User } from "./app.ts";
import { apps } from "./apps.ts";
import { filesOf, renewFiles } from "./renew.ts";
import { writeAll } from "./write.ts";

const [gateway, models] = ["http://linuxserver.lan:4000/mcp/", "http://linuxserver.lan:4000/v1"];
const access = (client: string, key: string) => ({ client, gateway, models, key });
const [OLD, NEW, OTHER] = ["sk-old-0123456789", "sk-new-0123456789", "sk-other-0123456789"];

async function user(t: TestContext): Promise<User & { readonly folder: string }> {
  const home = await mkdtemp(path.join(tmpdir(), "litellm-mcp-renew-"));
  t.after(() => rm(home, { recursive: true }));
  return { home, platform: "linux", env: {}, folder: path.join(home, "clients") };
}

async function textsIn(home: string): Promise<Record<string, string>> {
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  const plain = files.filter((one) => one.isFile() && !one.name.includes(".bak-"));
  const read = plain.map(async ({ parentPath, name }) => {
    const file = path.join(parentPath, name);
    return [path.relative(home, file), await readFile(file, "utf8")] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

test("the files of this user that have a client's old key get the new one, wherever they are, and no others", async (t) => {
  const { folder, ...one } = await user(t);
  const place = (client: string, app: string) => ({ kind: "folder", folder: path.join(folder, client, app) }) as const;
  const files = (client: string, key: string, name: string, isInstalled: boolean) => {
    const app = apps.find((each) => each.name === name)!;
    return filesOf(app, isInstalled ? { kind: "installed" } : place(client, name), access(client, key), one);
  };
  await writeAll([
    ...files("phone", OLD, "gemini-cli", true),
    ...files("phone", OLD, "codex", false),
    ...files("laptop", OTHER, "claude-code", true),
    ...files("laptop", OTHER, "gemini-cli", false),
  ]);
  const before = await textsIn(one.home);
  const hadOld = Object.keys(before).filter((file) => before[file]!.includes(OLD));
  assert.ok(hadOld.some((file) => file.startsWith(".gemini")));
  assert.ok(hadOld.some((file) => file.startsWith("clients/phone/codex")));

  const written = await renewFiles([{ access: access("phone", NEW), oldKey: OLD }], folder, one);
  const now = await textsIn(one.home);
  assert.deepEqual(written.map(({ file }) => path.relative(one.home, file)).sort(), hadOld.sort());
  assert.deepEqual(Object.keys(now).sort(), Object.keys(before).sort());
  for (const [file, text] of Object.entries(now)) assert.equal(text, before[file]!.replaceAll(OLD, NEW), file);
});

test("where no file has the key, none is written", async (t) => {
  const { folder, ...one } = await user(t);
  assert.deepEqual(await renewFiles([{ access: access("phone", NEW), oldKey: OLD }], folder, one), []);
  assert.deepEqual(await readdir(one.home), []);
});
