import { mkdir } from "node:fs/promises";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import which from "which";
import { installPackages } from "../../bootstrap/system-packages.ts";
import { projectRoot } from "../../lib/project-root.ts";

/** The gateway's part takes seconds; a browser on a busy machine with two cores takes the rest. */
const LONGEST_WAIT_MS = 120_000;

/** Debian's Chromium. It reaches this machine alone: for everything else it is given a proxy that is not there. */
export async function startBrowser(): Promise<Browser> {
  await installPackages("a browser for the tests", { chromium: "chromium" }, () => Promise.resolve());
  return chromium.launch({
    executablePath: await which("chromium"),
    proxy: { server: "http://127.0.0.1:9", bypass: "127.0.0.1" },
  });
}

/** A new page of somebody who was never there before. */
export async function newPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(LONGEST_WAIT_MS);
  return context.newPage();
}

/** Keeps what the page shows, in a folder that git does not see, and prints where. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const file = path.join(projectRoot, "test-results", `${name}.png`);
  await mkdir(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  console.log(`screenshot: ${file}`);
}

/** What the page shows at the moment is kept when a step fails, under the name of the test. */
export async function withPage<T>(browser: Browser, name: string, use: (page: Page) => Promise<T>): Promise<T> {
  const page = await newPage(browser);
  try {
    return await use(page);
  } catch (error) {
    await screenshot(page, `${name}-failed`);
    throw error;
  } finally {
    await page.context().close();
  }
}
