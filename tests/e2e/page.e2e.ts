import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { screenshot, startBrowser, withPage } from "./browser.ts";
import { docker, removeLeftovers } from "./docker.ts";
import { callTool } from "./gateway.ts";
import { Workspace } from "./workspace.ts";

// The page of `npm run status -- --html`, in a real browser.
const PREFIX = "e2e-page-";
const STACK = "e2epage";
const PORT = 18200;
const off = Object.fromEntries(
  ["fetch", "filesystem", "git", "sequentialthinking"].map((name) => [name, { enabled: false }]),
);

let workspace: Workspace;
let browser: Browser;

before(async () => {
  browser = await startBrowser();
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create(STACK, {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: 18632 },
    "litellm-mcp:servers": off,
    "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"] } },
    "litellm-mcp:scheduledCheck": { minutes: 15 },
  });
  const { exitCode, output } = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
  assert.equal(exitCode, 0, output);
});

after(async () => {
  await browser.close();
  await workspace.end();
  await removeLeftovers(PREFIX);
});

const written = () => path.join(workspace.root, "page.html");
const write = () => workspace.run("npm", ["run", "status", "--", "--stack", STACK, "--html", written()]);

test("what is deployed is seen: each container, client and network, the calls, nothing cut off, and no question to anybody", async () => {
  const { clientKeys } = await workspace.outputs();
  await callTool(`http://127.0.0.1:${PORT}/mcp/`, clientKeys["phone"]!, "time-get_current_time", { timezone: "UTC" });
  const { exitCode, output } = await write();
  assert.equal(exitCode, 0, output);
  const asked: string[] = [];
  await withPage(browser, "status", async (page) => {
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(written()).href);
    const picture = page.locator("svg");
    const texts = await picture.locator("text").allTextContents();
    const names = (await docker.listContainers()).flatMap(({ Names }) => Names.map((name) => name.slice(1)));
    const own = names.filter((name) => name.startsWith(PREFIX));
    assert.equal(own.length, 8);
    for (const name of [...own, "phone", "test-key", `${PREFIX}litellm-mcp-net`, "LAN and internet"])
      assert.ok(texts.includes(name), `${name}: ${texts.join(" | ")}`);
    assert.ok(texts.some((text) => /^[1-9]\d* calls? in the last hour/.test(text)));
    // A text that is wider than its box would be over another.
    const wide = await picture.evaluate((svg) => {
      const { x, y, width, height } = (svg as SVGGraphicsElement).getBoundingClientRect();
      return [...svg.querySelectorAll("text")]
        .map((text) => ({ said: text.textContent, box: text.getBoundingClientRect() }))
        .filter(({ box }) => box.left < x || box.right > x + width || box.top < y || box.bottom > y + height)
        .map(({ said }) => said);
    });
    assert.deepEqual(wide, []);
    assert.equal(await page.getByText("Everything is as it should be.").count(), 1);
    await screenshot(page, "status");
  });
  assert.deepEqual(asked, [pathToFileURL(written()).href]);
});

test("what is wrong is on the page first; no key is in it", async () => {
  await docker.getContainer(`${PREFIX}mcp-time`).stop();
  const { exitCode } = await write();
  await docker.getContainer(`${PREFIX}mcp-time`).start();
  assert.equal(exitCode, 1);
  await withPage(browser, "status-wrong", async (page) => {
    await page.goto(pathToFileURL(written()).href);
    assert.match(await page.title(), /^e2epage: 1 problem$/);
    assert.match((await page.locator("section.bad li").allTextContents()).join("\n"), /mcp-time does not run/);
    await screenshot(page, "status-wrong");
  });
  const text = await readFile(written(), "utf8");
  const { clientKeys, masterKey } = await workspace.outputs();
  for (const key of [...Object.values(clientKeys), masterKey, "sk-"]) assert.ok(!text.includes(key));
});
