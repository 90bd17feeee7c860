import { type Browser, errors, type Locator, type Page } from "playwright-core";
import type { Served } from "./browser-apps.ts";
import { screenshot, withPage } from "./browser.ts";
import { eventually } from "./gateway.ts";

/** What VS Code shows of the MCP server `litellm` after it was started. */
export interface Shown {
  /** VS Code's output channel of the server, in one line. */
  readonly log: string;
  /** What stands above the server's entry in mcp.json: its state, and the number of tools that may be offered to a model. */
  readonly entry: string;
}

/** Does something again until its effect is seen: while VS Code loads its parts, what is typed or clicked may be lost. */
const until = (effect: Locator, act: () => Promise<void>): Promise<unknown> =>
  eventually(`${String(effect)} is seen`, 120, async () => {
    try {
      await act();
      await effect.waitFor({ timeout: 10_000 });
      return true;
    } catch (error) {
      if (error instanceof errors.TimeoutError) return false;
      throw error;
    }
  });

/** One of the actions that VS Code has for the MCP server `litellm`. */
async function actOnServer(page: Page, action: string): Promise<void> {
  const row = (text: string) => page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
  await page.keyboard.press("Escape");
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input[type=text]").last().fill(">MCP: List Servers", { timeout: 10_000 });
  for (const text of ["MCP: List Servers", "litellm", action]) await row(text).click({ timeout: 10_000 });
}

interface Start {
  /** What VS Code has to ask for, and what is typed. */
  readonly asks: string;
  readonly key: string;
  /** A dialog that has to follow, and is cancelled. */
  readonly dialog?: string;
  /** What the log has to say before it is read. */
  readonly logged: string;
  /** Of the screenshot. */
  readonly name: string;
}

/** Opens a folder with `.vscode/mcp.json`, trusts it, starts the MCP server and types the key that is asked for. */
export const startServer = (
  browser: Browser,
  served: Served,
  folder: string,
  { asks, key, dialog, logged, name }: Start,
): Promise<Shown> =>
  withPage(browser, name, async (page) => {
    await page.goto(`${served.url}/?folder=${folder}`);
    await page.locator(".monaco-workbench").waitFor();
    const trust = page.getByRole("button", { name: "Trust Folder & Continue" });
    await until(trust, () => actOnServer(page, "Start Server"));
    await trust.click();
    await page.getByText(asks).waitFor();
    await page.keyboard.type(key);
    await page.keyboard.press("Enter");
    if (dialog !== undefined) {
      const box = page.locator(".monaco-dialog-box", { hasText: dialog });
      await box.waitFor();
      await screenshot(page, `${name}-dialog`);
      await box.getByRole("button", { name: "Cancel" }).click();
    }
    const lines = page.locator(".panel .view-lines");
    await until(lines.filter({ hasText: logged }), () => actOnServer(page, "Show Output"));
    const log = (await lines.innerText()).replaceAll(/\s+/g, " ");
    const entry = page.locator(".codelens-decoration", { hasText: /Running|Error/ });
    await until(entry, () => actOnServer(page, "Show Configuration"));
    await screenshot(page, name);
    return { log, entry: await entry.innerText() };
  });
