import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { InvalidArgumentError, Option } from "commander";
import type Docker from "dockerode";
import { connectDocker, type DockerEndpoint } from "../components/docker/docker-connection.ts";
import type { Sensitive } from "../lib/sensitive.ts";
import { daemonNames } from "../settings/resolve/daemon-names.ts";
import { type AuditPlace, withAuditFiles } from "./audit/files.ts";
import { type AuditRecord, lastOf, type Reading, recordsOf } from "./audit/records.ts";
import { beginOfLast, OUTCOMES, type Outcome, readTime, type Selection } from "./audit/selection.ts";
import { csvHead, showCsv, showJson, showTable, verdict } from "./audit/show.ts";
import { command, main, prepared, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { interruptible } from "./interruption.ts";
import { readStackOfServers } from "./listing/stack-servers.ts";

interface Options {
  readonly stack: string;
  readonly client?: readonly string[];
  readonly server?: readonly string[];
  readonly tool?: readonly string[];
  readonly outcome?: readonly Outcome[];
  readonly requests?: true;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly json?: true;
  readonly csv?: true;
}

/** Of a table, which nobody reads further. */
const ROWS = 50;

async function audit(options: Options): Promise<void> {
  const { endpoint, place, masked } = await recordOf(options.stack);
  const docker = connectDocker(endpoint);
  const selection = await selectionOf(options, docker);
  await interruptible((signal) =>
    withAuditFiles(docker, place, async (files) => {
      const reading = { files, selection, masked, unreadable: 0 };
      await (options.json || options.csv ? print(reading, options, signal) : printTable(reading, options, signal));
      if (reading.unreadable)
        console.error(
          `${reading.unreadable} lines cannot be read: they were being written when the ingress ended, or the disk was full`,
        );
    }),
  );
}

/** Where the record is: as it is deployed, or, once the stack is taken away, where its settings have it. */
async function recordOf(
  stack: string,
): Promise<{ endpoint: DockerEndpoint; place: AuditPlace; masked: readonly Sensitive[] }> {
  const deployed = await (await Pulumi.existing(stack)).deployedIfAny();
  if (deployed?.audit) return { endpoint: deployed.docker, place: deployed.audit, masked: deployed.audit.masked };
  const { endpoint, namePrefix } = readStackOfServers(stack);
  const { containers, volumes } = daemonNames(namePrefix);
  return { endpoint, place: { container: containers.ingress, volume: volumes.ingressAudit }, masked: [] };
}

async function selectionOf(
  { client, server, tool, outcome, requests, ...times }: Options,
  docker: Docker,
): Promise<Selection> {
  // Lines have the time of the host, and this machine's clock may be another one.
  const { SystemTime } = (await docker.info()) as { SystemTime: string };
  const now = new Date(SystemTime).toISOString();
  const since = times.since === undefined ? undefined : readTime("--since", times.since, now);
  const until = times.until === undefined ? undefined : readTime("--until", times.until, now);
  if (since !== undefined && until !== undefined && since >= until)
    throw new Error(`--since ${since} is not before --until ${until}: no call is between them`);
  return { clients: client, servers: server, tools: tool, outcomes: outcome, requests, since, until };
}

/** The newest `count` of what is wanted. Most often the last files have them, so not all of a large record is read. */
async function newest(reading: Reading, count: number): Promise<readonly AuditRecord[]> {
  const { files, selection } = reading;
  for (let last = 1; ; last *= 4) {
    const begin = beginOfLast(files.names, last, selection.until);
    const isAll = begin === undefined || (selection.since !== undefined && begin <= selection.since);
    reading.unreadable = 0;
    const part: Reading = isAll ? reading : { ...reading, selection: { ...selection, since: begin } };
    const found = await lastOf(recordsOf(part), count);
    if (isAll || found.length >= count) {
      reading.unreadable = part.unreadable;
      return found;
    }
  }
}

async function printTable(reading: Reading, { limit = ROWS }: Options, signal: AbortSignal): Promise<void> {
  const records = await newest(reading, limit);
  signal.throwIfAborted();
  if (records.length) console.log(showTable(records));
  console.log(verdict(records, limit));
}

/** Line by line, while it is read. */
async function print(reading: Reading, { csv, limit }: Options, signal: AbortSignal): Promise<void> {
  const lines = async function* () {
    if (csv) yield `${csvHead()}\n`;
    for await (const record of limit === undefined ? recordsOf(reading) : await newest(reading, limit))
      yield `${csv ? showCsv(record) : showJson(record)}\n`;
  };
  await pipeline(Readable.from(lines()), process.stdout, { end: false, signal }).catch(
    (error: NodeJS.ErrnoException) => {
      // Whoever reads has enough, as `head` does.
      if (error.code !== "EPIPE") throw error;
    },
  );
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Write a whole number from 1.");
  return Number(text);
}

await main(
  import.meta.filename,
  command(
    "audit",
    "Shows who called which tool, with which arguments, when, how long it took and what came of it, from the record that the ingress keeps: also of calls before containers were replaced, while the ingress is stopped, and after npm run down. Several names after one option mean any of them.",
  )
    .addOption(stackOption())
    .option("--client <name...>", "calls of these clients")
    .option("--server <name...>", "calls of these servers' tools")
    .option("--tool <name...>", "calls of these tools: get_current_time, or time-get_current_time as clients write it")
    .addOption(
      new Option(
        "--outcome <outcome...>",
        "answered; failed; refused: not made; lost: LiteLLM broke off, so nobody knows whether it was carried out; running; unknown: the ingress itself ended during it",
      ).choices(OUTCOMES),
    )
    .option(
      "--requests",
      "also requests that were refused and no call of a tool, counted by the minute: wrong keys, closed routes",
    )
    .option("--since <time>", "calls from then on: 30m, 1h, 2d, 1w ago, or 2026-11-20, 2026-11-20T14:30 (UTC)")
    .option("--until <time>", "calls before then, written in the same way")
    .option("--limit <number>", `the newest so many; without it all, and of the table ${ROWS}`, positive)
    .addOption(
      new Option(
        "--json",
        "print JSON lines: one object for each call, oldest first (with npm run --silent, nothing else)",
      ),
    )
    .addOption(
      new Option("--csv", "print CSV with a line of names; spreadsheets take no cell for a formula").conflicts("json"),
    )
    .hook("preAction", prepared("pulumi"))
    .action(audit),
);
