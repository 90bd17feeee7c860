import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { cacheDir } from "../../bootstrap/steps.ts";
import { type Served, startOpenWebUi } from "./browser-apps.ts";
import { screenshot, startBrowser, withPage } from "./browser.ts";
import { auditLines, bridgeAddress, removeLeftovers } from "./docker.ts";
import { chatCompletionsApi, type ModelStandIn } from "./model-stand-ins.ts";
import { Workspace } from "./workspace.ts";

// Open WebUI with the files of `npm run clients`, in a real browser.
const PREFIX = "e2e-windows-";
const PORT = 30400;
const POSTGRES_PORT = 30832;
const SERVERS = ["everything", "time"];
const ADMIN = { name: "Admin", email: "admin@example.com", password: "the-Password-of-admin-1" };
const ORDINARY = {
  name: "Ordinary",
  email: "ordinary@example.com",
  password: "the-Password-of-ordinary-1",
  role: "user",
};

let workspace: Workspace;
let browser: Browser;
let model: ModelStandIn;
/** Where the files of `npm run clients` are. */
let written: string;
const folders: string[] = [];
const running: Served[] = [];

async function newFolder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "litellm-mcp-windows-"));
  folders.push(made);
  return made;
}

const clients = (out: string) =>
  workspace.run("npm", ["run", "--silent", "clients", "--", "--stack", "windows", "--out", out], {
    env: { LITELLM_MCP_LAB_CACHE: cacheDir },
  });

async function started(starting: Promise<Served>): Promise<Served> {
  const served = await starting;
  running.push(served);
  return served;
}

/** Calls Open WebUI's own API. */
async function api(served: Served, route: string, token?: string, body?: unknown): Promise<any> {
  const answer = await fetch(`${served.url}/api${route}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${route}: ${text}`);
  return JSON.parse(text);
}

/** A new Open WebUI's first user is its administrator, who then makes an ordinary one. */
async function signUp(served: Served): Promise<{ admin: string; ordinary: string }> {
  const { token: admin } = await api(served, "/v1/auths/signup", undefined, ADMIN);
  await api(served, "/v1/auths/add", admin, ORDINARY);
  const { token: ordinary } = await api(served, "/v1/auths/signin", undefined, ORDINARY);
  return { admin, ordinary };
}

/** What a user of Open WebUI is shown. */
async function shown(served: Served, token: string): Promise<{ tools: string[]; models: string[] }> {
  const tools = (await api(served, "/v1/tools/", token)) as { id: string }[];
  const { data } = (await api(served, "/models", token)) as { data: { id: string }[] };
  return { tools: tools.map(({ id }) => id), models: data.map(({ id }) => id) };
}

before(async () => {
  await removeLeftovers(PREFIX);
  browser = await startBrowser();
  model = await chatCompletionsApi(
    { tool: /_time-get_current_time$/, arguments: { timezone: "Asia/Tokyo" } },
    await bridgeAddress(),
  );
  const free = { input_cost_per_token: 0, output_cost_per_token: 0 };
  workspace = await Workspace.create("windows", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:servers": { everything: { enabled: true } },
    "litellm-mcp:models": [
      { name: "played", params: { model: "openai/m", api_base: `${model.url}/v1`, api_key: "none", ...free } },
    ],
    "litellm-mcp:clients": { "test-key": {}, "open-webui": {} },
  });
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
});

after(async () => {
  for (const served of running) await served.stop();
  await browser?.close();
  await model?.close();
  await workspace.end();
  await removeLeftovers(PREFIX);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test("a stack is deployed, and the files are written", async () => {
  assert.equal((await workspace.run("pulumi", ["stack", "init", "windows"])).exitCode, 0);
  const up = await workspace.up();
  assert.equal(up.exitCode, 0, up.output);
  written = await newFolder();
  const files = await clients(written);
  assert.equal(files.exitCode, 0, files.output);
});

const environment = () => path.join(written, "open-webui/open-webui/open-webui.env");

test("Open WebUI: the secret in its file is its own, 0600, and the same after another npm run clients", async () => {
  const before = await readFile(environment(), "utf8");
  assert.match(before, /^WEBUI_SECRET_KEY=[\w-]{43}$/m);
  assert.equal(((await stat(environment())).mode & 0o777).toString(8), "600");
  const again = await clients(written);
  assert.equal(again.exitCode, 0, again.output);
  assert.equal(await readFile(environment(), "utf8"), before);
  const other = await newFolder();
  assert.equal((await clients(other)).exitCode, 0);
  assert.notEqual(await readFile(path.join(other, "open-webui/open-webui/open-webui.env"), "utf8"), before);
  const [secret] = /(?<=^WEBUI_SECRET_KEY=).+$/m.exec(before)!;
  assert.ok(!workspace.printed.includes(secret));
});

test("Open WebUI: without access_grants and BYPASS_MODEL_ACCESS_CONTROL an ordinary user has no tools and no models", async () => {
  const without = (await readFile(environment(), "utf8"))
    .replace(/"access_grants":\[[^\]]*\]/, '"access_grants":[]')
    .replace(/^BYPASS_MODEL_ACCESS_CONTROL=.*\n/m, "");
  const served = await started(startOpenWebUi(without, await newFolder()));
  const { admin, ordinary } = await signUp(served);
  assert.deepEqual(await shown(served, ordinary), { tools: [], models: [] });
  assert.deepEqual(await shown(served, admin), { tools: ["server:mcp:litellm"], models: ["played"] });
  await served.stop();
});

async function signIn(page: Page, served: Served, { email, password }: typeof ADMIN): Promise<void> {
  await page.goto(`${served.url}/auth`);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#chat-input").waitFor();
}

/** Chooses the tools of the gateway, and asks. */
async function ask(page: Page, question: string): Promise<void> {
  await page.getByRole("button", { name: "Selected model: played" }).waitFor();
  await page.getByRole("button", { name: "Integrations" }).click();
  await page.getByRole("menuitem", { name: /^Tools/ }).click();
  await page.getByRole("menuitemcheckbox", { name: "LiteLLM" }).click();
  await page.keyboard.press("Escape");
  await page.locator("#chat-input").click();
  await page.keyboard.type(question);
  await page.keyboard.press("Enter");
}

test("Open WebUI: an ordinary user chats in a browser, and the model calls a tool; the session outlives a restart", async () => {
  const dataDir = await newFolder();
  const variables = await readFile(environment(), "utf8");
  const served = await started(startOpenWebUi(variables, dataDir));
  const { ordinary } = await signUp(served);
  assert.deepEqual(await shown(served, ordinary), { tools: ["server:mcp:litellm"], models: ["played"] });

  await withPage(browser, "open-webui", async (page) => {
    await signIn(page, served, ORDINARY);
    await ask(page, "What time is it in Tokyo?");
    // The model repeats what the tool has answered.
    await page.getByText('"timezone": "Asia/Tokyo"').first().waitFor();
    await page.getByText("litellm_time-get_current_time").filter({ visible: true }).first().waitFor();
    await screenshot(page, "open-webui-ordinary-user");
  });
  assert.ok(model.offered.has("litellm_time-get_current_time"), [...model.offered].join(" "));
  // The check of `up` has called tools with this key as well, with other arguments.
  const asked = JSON.stringify({ timezone: "Asia/Tokyo" });
  const calls = (await auditLines(`${PREFIX}ingress`)).filter((line) => JSON.stringify(line.arguments) === asked);
  assert.deepEqual(
    calls.map(({ client, server, tool, outcome }) => ({ client, server, tool, outcome })),
    [{ client: "open-webui", server: "time", tool: "get_current_time", outcome: "answered" }],
  );
  await served.stop();

  const again = await started(startOpenWebUi(variables, dataDir));
  assert.deepEqual(await shown(again, ordinary), { tools: ["server:mcp:litellm"], models: ["played"] });
  await again.stop();
});

test("Open WebUI: one that runs gets tool-server.json by its administrator, and its ordinary users have the tools", async () => {
  const served = await started(startOpenWebUi("WEBUI_SECRET_KEY=of-this-test\n", await newFolder()));
  const { ordinary } = await signUp(served);
  assert.deepEqual((await shown(served, ordinary)).tools, []);
  await withPage(browser, "open-webui-import", async (page) => {
    await signIn(page, served, ADMIN);
    await page.goto(`${served.url}/admin/settings/integrations`);
    // Tools come first, then terminals and knowledge.
    await page.getByText("External Tool Servers").waitFor();
    await page.getByRole("button", { name: "Add Connection" }).first().click();
    const chooser = page.waitForEvent("filechooser");
    await page.getByText("Import", { exact: true }).click();
    await (await chooser).setFiles(path.join(written, "open-webui/open-webui/tool-server.json"));
    await page.getByRole("button", { name: "Save" }).last().click();
    await page.getByText("Connections saved successfully").waitFor();
    await screenshot(page, "open-webui-imported");
  });
  assert.deepEqual((await shown(served, ordinary)).tools, ["server:mcp:litellm"]);
  await served.stop();
});
