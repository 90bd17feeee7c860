import { readdirSync } from "node:fs";
import path from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { Command } from "commander";
import { execa } from "execa";
import { asking, prepare } from "../bootstrap/prepare.ts";
import { preparePython } from "../bootstrap/python.ts";
import { exactVersions, findGo } from "../lab/pulumi/go.ts";
import { projectRoot } from "../lib/project-root.ts";
import { MATRIX_VERSION, matrixImages } from "./matrix/images.ts";

const {
  unit,
  e2e,
  matrix,
  soak,
  faults,
  n8n,
  adapter,
  long = false,
  version,
  yes = false,
} = new Command("npm test --")
  .description(
    "Types and lint, unit tests, then the end-to-end suite against real Docker, LiteLLM, Postgres and MCP servers.",
  )
  .option("--unit", "only types, lint and unit tests; needs no Docker")
  .option("--e2e [part]", "only the end-to-end suite, or the files of it whose name contains [part]")
  .option("--long", "the long form of the end-to-end suite, which files that are chosen by [part] have anyway")
  .option(
    "--matrix [part]",
    "only the same stack on each LiteLLM version that the lab can build, one after the other; or the files whose name contains [part]",
  )
  .option(
    "--faults [part]",
    "only what goes wrong in a year: 10,000 calls, each container crashes 20 times, npm run up is killed 20 times; as root, a host whose Docker, disk, ssh and cable fail; or the files whose name contains [part]",
  )
  .option("--soak", "only 20,000 requests over three restarts of LiteLLM")
  .option("--n8n", "only the server n8n_workflows with a real n8n, which takes 2.8 GB")
  .option(
    "--adapter [part]",
    "only the long suites of the adapter: conformance, servers and clients of other makers, floods, memory; or the files whose name contains [part]",
  )
  .option(
    "--version <version>",
    "of the matrix, this LiteLLM version alone; of the end-to-end suite, ingress.e2e.ts with this one",
  )
  .option("--yes", "install missing system packages without asking")
  .parse()
  .opts<{
    unit?: boolean;
    e2e?: string | boolean;
    matrix?: string | boolean;
    soak?: boolean;
    faults?: string | boolean;
    n8n?: boolean;
    adapter?: string | boolean;
    long?: boolean;
    version?: string;
    yes?: boolean;
  }>();

const filesIn = (folder: string, suffix: string) =>
  readdirSync(path.join(projectRoot, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(suffix) && !file.includes("node_modules"))
    .map((file) => path.join(projectRoot, folder, file))
    .sort();

const total = { passed: 0, failed: 0, skipped: 0 };

/** Runs test files with node:test, prints as it goes, and counts the tests; a suite is not counted as one. */
async function runTests(
  files: readonly string[],
  concurrency: boolean | number,
  execArgv: string[] = [],
): Promise<number> {
  const before = total.passed + total.failed;
  const stream = run({ files: [...files], concurrency, execArgv });
  const count =
    (outcome: "passed" | "failed") =>
    ({ details, skip }: { details: { type?: string }; skip?: string | boolean }) => {
      if (details.type !== "suite") total[skip === undefined || skip === false ? outcome : "skipped"] += 1;
    };
  stream.on("test:pass", count("passed"));
  stream.on("test:fail", count("failed"));
  // Read to its end, so that the line with the totals comes last.
  for await (const text of stream.compose(new spec())) process.stdout.write(text as string);
  return total.passed + total.failed - before;
}

/** What an option says of the names of files. */
const partOf = (option: string | boolean | undefined) => (typeof option === "string" ? option : "");

/** Files that measure times. */
const ALONE = ["adapter.e2e.ts", "ingress.e2e.ts"];
/** Begins first, because it takes longest: nothing else should wait for it alone at the end. */
const LONGEST = "local.e2e.ts";
/** Deployments wait more than they work; more of them at once, and servers are not healthy in time on two cores. */
const DEPLOYMENTS_AT_ONCE = 2;

/** Those of the files that have the option's part in their name; one after the other, but for end-to-end files that measure nothing. */
async function runSome(
  files: readonly string[],
  what: string,
  where: string,
  option?: string | boolean,
): Promise<void> {
  const part = partOf(option);
  const chosen = files.filter((file) => path.basename(file).includes(part));
  const isBeside = (file: string) => file.includes("/tests/e2e/") && !ALONE.includes(path.basename(file));
  const rank = (file: string) => (path.basename(file) === LONGEST ? 0 : 1);
  const together = chosen.filter(isBeside).sort((one, other) => rank(one) - rank(other));
  const alone = chosen.filter((file) => !isBeside(file));
  const ran =
    (together.length ? await runTests(together, DEPLOYMENTS_AT_ONCE) : 0) +
    (alone.length ? await runTests(alone, false) : 0);
  if (ran > 0) return;
  console.error(`✖ no ${what} ran${part ? `: no ${where} has "${part}" in its name` : ""}`);
  total.failed += 1;
}

async function check(
  title: string,
  command: string,
  args: readonly string[],
  { cwd = projectRoot, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const { exitCode } = await execa(command, args, { cwd, env, stdio: "inherit", preferLocal: true, reject: false });
  console.log(`${exitCode === 0 ? "✔" : "✖"} ${title}`);
  total[exitCode === 0 ? "passed" : "failed"] += 1;
}

/** What is written in Python, in shell and in Go; its programs come from PyPI. */
async function checkOtherLanguages(): Promise<void> {
  const bin = await preparePython(
    "ruff, mypy, pytest and shellcheck",
    path.join(projectRoot, "tests", "python", "requirements.txt"),
    asking(yes),
  );
  const python = (...args: string[]) => [path.join(bin, "python3"), ["-B", "-m", ...args]] as const;
  await check("lint of Python", ...python("ruff", "check", "--no-cache", "--quiet"));
  await check("format of Python", ...python("ruff", "format", "--check", "--no-cache", "--quiet"));
  await check("types of Python", ...python("mypy", "--no-error-summary"));
  await check("units of Python", ...python("pytest", "--quiet"));

  const shellcheck = path.join(bin, "shellcheck");
  const scripts = ["adapter", "components", "lab", "mcp"].flatMap((folder) => filesIn(folder, ".sh"));
  const ofImages = ["setup.sh", "install-age.sh", "install-hypopg.sh"];
  const isOfImage = (file: string) => ofImages.includes(path.basename(file));
  await check("lint of shell", shellcheck, [".ci/run", ...scripts.filter((file) => !isOfImage(file))]);
  // Their Dockerfiles run them with `sh`, mostly with `-eu`, so that a `cd` that fails ends them. That `sed` could be spared
  // is no reason to build the image of a Postgres that runs anew.
  const sh = ["--shell=sh", "--exclude=SC2001,SC2164"];
  await check("lint of setup.sh and the like", shellcheck, [...sh, ...scripts.filter(isOfImage)]);

  const go = await findGo();
  if (go)
    // With the build's tags, so that what was compiled for the plug-ins is compiled.
    await check("vet of Go", go.command, ["vet", "-tags=no_compose", "./..."], {
      cwd: path.join(projectRoot, "lab", "pulumi", "plugins"),
      env: { ...go.env, ...exactVersions },
    });
  else console.log("﹣ vet of Go: there is no Go on this machine");
}

// Read by tests/e2e/long-form.ts.
if (partOf(e2e) || long) process.env["E2E_LONG"] = "true";
if (version) process.env[MATRIX_VERSION] = version;
if (version && matrixImages().length === 0) throw new Error(`--version ${version}: the lab builds no such LiteLLM`);

/** It takes the lab a quarter of an hour to build, for files that do nothing in the short form. */
const needsLoki = partOf(e2e)
  ? ["logs.e2e.ts", "existing-loki.e2e.ts", "loki-limits.e2e.ts"].some((file) => file.includes(partOf(e2e)))
  : long && !matrix;
// First, because a fresh machine may lack it: the unit tests of the healthcheck need python3, and sshd plays the host.
const images = matrix
  ? matrixImages()
  : [
      ...(version ? matrixImages() : []),
      "ghcr.io/github/github-mcp-server:v1.9.0",
      "redis:8.0-trixie",
      "prom/prometheus:v3.11.3",
      ...(needsLoki
        ? ["grafana/loki:3.7.1", "otel/opentelemetry-collector-contrib:0.151.0", "grafana/grafana:12.3.2"]
        : []),
    ];
/** Of the long suites of the adapter, the one that deploys a stack. */
const ADAPTER_DEPLOYS = "through-litellm.slow.ts";
const adapterFiles = ["adapter", "tests/adapter"].flatMap((folder) => filesIn(folder, ".slow.ts"));
if (!unit && (!adapter || ADAPTER_DEPLOYS.includes(partOf(adapter))))
  Object.assign(
    process.env,
    await prepare({
      yes,
      engine: true,
      images,
      packages: {
        ...{ python3: "python3", sshd: "openssh-server", ssh: "openssh-client", git: "git" },
        openssl: "openssl",
      },
    }),
  );
if (matrix) await runSome(filesIn("tests/matrix", ".e2e.ts"), "test of the matrix", "file of tests/matrix", matrix);
if (soak) await runTests(filesIn("tests/soak", ".e2e.ts"), false);
if (faults) await runSome(filesIn("tests/faults", ".e2e.ts"), "test of faults", "file of tests/faults", faults);
if (n8n) await runTests(filesIn("tests/n8n", ".e2e.ts"), false);
if (adapter) await runSome(adapterFiles, "test of the adapter", "*.slow.ts", adapter);
if (!e2e && !matrix && !soak && !faults && !n8n && !adapter) {
  await check("types", "tsc", ["--noEmit"]);
  await check("lint", "eslint", ["."]);
  await check("format", "prettier", ["--check", "."]);
  await checkOtherLanguages();
  const rooms = [
    "adapter",
    "approval",
    "bootstrap",
    "check",
    "components",
    "guards",
    "ingress",
    "lab",
    "lib",
    "mcp",
    "operate",
    "settings",
  ];
  await runTests(
    rooms.flatMap((folder) => filesIn(folder, ".test.ts")),
    true,
  );
}
/** Take minutes and gigabytes for the programs of others, so they are for those who ask for them by name. */
const ON_DEMAND = ["openwebui.e2e.ts", "page.e2e.ts", "vscode.e2e.ts"];
const e2eFiles = filesIn("tests/e2e", ".e2e.ts").filter(
  (file) => partOf(e2e) || !ON_DEMAND.includes(path.basename(file)),
);
if (!unit && !matrix && !soak && !faults && !n8n && !adapter)
  await runSome(e2eFiles, "end-to-end test", "file of tests/e2e", e2e);
if (total.skipped)
  console.log(`
${total.skipped} were left out; which, and how they are run, is said above`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;
