import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, Option } from "commander";
import open from "open";
import pc from "picocolors";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { collect } from "./status/collect.ts";
import { showPage } from "./status/page.ts";
import { showMarkdown, showTables } from "./status/show.ts";
import { problemsOf, type Status } from "./status/status.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
  readonly markdown?: true;
  /** File to write the page to. */
  readonly html?: string;
  readonly open?: true;
  /** Seconds; true: as many as nobody has to think about. */
  readonly watch?: number | true;
}

const WATCH_SECONDS = 10;
/** Clears the screen and begins at its top; where there is no screen, a line divides what is shown. */
const AGAIN = process.stdout.isTTY ? "\x1b[2J\x1b[H" : "\n--\n";

/** Looks at everything that a deployed stack has and changes nothing; it calls no tool, which `npm run verify` does. */
async function status({ stack, json, markdown, html, open: opens, watch }: Options): Promise<void> {
  const pulumi = await Pulumi.existing(stack);
  if (watch !== undefined) return keepShowing(pulumi, watch === true ? WATCH_SECONDS : watch);
  const found = await collect(await pulumi.deployed());
  const problems = problemsOf(found);
  if (html !== undefined || opens) await page(found, problems, html, opens);
  else if (json) printJson({ ...found, problems });
  else console.log(markdown ? showMarkdown(found, problems, new Date()) : showTables(found, problems));
  if (problems.length) process.exitCode = 1;
}

/** Writes the page, and shows it where that is asked for. */
async function page(found: Status, problems: readonly string[], html: string | undefined, opens?: true): Promise<void> {
  const file = path.resolve(
    html ?? path.join(await mkdtemp(path.join(tmpdir(), "litellm-mcp-")), `${found.stack}.html`),
  );
  await writeFile(file, await showPage(found, problems, new Date()));
  console.log(file);
  for (const problem of problems) console.log(pc.red(`✖ ${problem}`));
  if (!opens) return;
  try {
    await open(file);
  } catch (error) {
    throw new Error(`the page is written, and no browser was found to show it: ${(error as Error).message}`);
  }
}

/** Until somebody ends it. What cannot be read now, because the host restarts for example, is said and tried again. */
async function keepShowing(pulumi: Pulumi, seconds: number): Promise<never> {
  for (;;) {
    const shown = await pulumi
      .deployed()
      .then(collect)
      .then(
        (found) => showTables(found, problemsOf(found)),
        ({ message }: Error) => message,
      );
    const time = `${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`;
    console.log(`${AGAIN}${pulumi.stack} at ${time}, again every ${seconds} s until Ctrl-C\n\n${shown}`);
    await sleep(seconds * 1000);
  }
}

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("Write whole seconds from 1.");
  return Number(text);
}

await main(
  import.meta.filename,
  command(
    "status",
    "Shows what a deployed stack has and how it is: containers, servers, clients, networks, databases. Exit code 1 when something is not as it should be.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .addOption(
      new Option(
        "--markdown",
        "print a document that says what there is (with npm run --silent, nothing else)",
      ).conflicts("json"),
    )
    .addOption(
      new Option(
        "--html <file>",
        "write a page with a picture of the stack into this file; it needs no internet and holds no key",
      ).conflicts(["json", "markdown"]),
    )
    .addOption(
      new Option("--open", "show that page in the browser; without --html it is a temporary file").conflicts([
        "json",
        "markdown",
      ]),
    )
    .addOption(
      new Option(
        "--watch [seconds]",
        `show the tables again every so many seconds (default: ${WATCH_SECONDS}), until Ctrl-C`,
      )
        .argParser(wholeSeconds)
        .conflicts(["json", "markdown", "html", "open"]),
    )
    .hook("preAction", prepared("pulumi"))
    .action(status),
);
