import { once } from "node:events";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { readBackup, readBackupFigures } from "./backup.ts";
import type { Expected, ExpectedServer } from "../expectations.ts";
import { figuresOf } from "./figures.ts";
import { Inbox } from "./inbox.ts";
import { identityOf, post } from "./post.ts";
import { createReceiver } from "./receiver.ts";
import { type Host, lookedAt, runCheck } from "./run.ts";
import { readState, writeState } from "./state.ts";
import type { Run } from "./troubles.ts";
import { Watch } from "./watch.ts";

/** Variables of the container; `components/gateway/scheduled-check.ts` writes them, README.md has what they mean. */
const variables = z.object({
  GATEWAY_URL: z.url(),
  CLIENT: z.string().min(1),
  CLIENT_KEY: z.string().startsWith("sk-"),
  EXPECTED: z
    .string()
    .transform(
      (text) => JSON.parse(text) as Pick<Expected["clients"][number], "rules"> & { servers: readonly ExpectedServer[] },
    ),
  MINUTES: z.string().regex(/^\d+$/).transform(Number),
  STATE_FOLDER: z.string().startsWith("/"),
  BACKUP_FOLDER: z.string().startsWith("/").optional(),
  STACK: z.string().min(1),
  TOLD_URL: z.url(),
  ALERTS_AT: z
    .string()
    .regex(/^[^:]+:\d+$/)
    .optional(),
  ALERT_URL: z.url().optional(),
  ALERT_HEADER: z.string().min(1).optional(),
  ALERT_HEADER_VALUE: z.string().min(1).optional(),
});
/** For Docker's healthcheck: what to say, and whether all is well, by the age of a file. */
const SAID = "/tmp/said";
const WELL = "/tmp/well";

const log = (event: string, more: Readonly<Record<string, unknown>> = {}): void => {
  process.stdout.write(
    `${JSON.stringify({ time: new Date().toISOString(), source: "scheduled-check", event, ...more })}\n`,
  );
};

const env = variables.parse(process.env);
const { servers, rules } = env.EXPECTED;
const expected: Expected = {
  gatewayUrl: env.GATEWAY_URL,
  servers,
  clients: [{ name: env.CLIENT, key: env.CLIENT_KEY, rules }],
  strangers: [],
};
const { ALERT_URL: url, ALERT_HEADER: name, ALERT_HEADER_VALUE: value } = env;
const header = name !== undefined && value !== undefined ? { name, value } : undefined;
const address = url === undefined ? undefined : { url, header };

const { BACKUP_FOLDER: backups } = env;
const host: Host = {
  disk: () => statfsSync(env.STATE_FOLDER),
  backup: backups === undefined ? undefined : () => readBackup(backups, Date.now()),
};

const { ALERTS_AT: alertsAt } = env;
const names = servers.map(({ name }) => name);
const inbox = new Inbox();

const watch = new Watch(
  {
    minutes: env.MINUTES,
    lookedAt: lookedAt(expected, host),
    heardOf: alertsAt === undefined ? undefined : names,
    where: { stack: env.STACK, url: env.TOLD_URL },
    alertsTo: address && identityOf(address),
    run: (known, isWhole) => runCheck(expected, known, isWhole, host),
    post: (body) => (address ? post(address, body) : Promise.resolve(undefined)),
    now: Date.now,
  },
  readState(env.STATE_FOLDER, (problem) => log("state not readable, begun anew", { problem })),
);

if (alertsAt !== undefined) {
  const receiver = createReceiver({
    servers: names,
    take: (said) => inbox.put(said),
    complain: (problem) => log("alerts not taken", { problem }),
    figures: figuresOf({
      ...{ state: () => watch.state, lookedAt: lookedAt(expected, host), disk: host.disk },
      backup: () => (backups === undefined ? undefined : readBackupFigures(backups)),
    }),
  });
  // By the name that it has on the network of the two, so that it listens on no other.
  const [name, port] = alertsAt.split(":") as [string, string];
  await once(receiver.listen(Number(port), name), "listening");
}

const said = ({ at, tried }: Run, notKept: string | undefined): string => {
  const { troubles, silent, alertProblem } = watch.state;
  const wrong = [
    ...[...troubles, ...(silent ? [silent] : [])].map(({ of, since, problem }) => `${of}, since ${since}: ${problem}`),
    ...(alertProblem === null ? [] : [`alerts: ${alertProblem}`]),
    ...(notKept === undefined ? [] : [notKept]),
  ];
  return wrong.length ? wrong.join("\n") : `${at}: nothing is wrong with ${tried.join(", ")}`;
};

let last: Run | undefined;
for (;;) {
  const { run, pauseMs } = await watch.step(inbox.take());
  // It goes on without: a program that ended here would be started again, and tell the same again, each time.
  const notKept = writeState(env.STATE_FOLDER, watch.state);
  const { alertProblem } = watch.state;
  const more = { ...(alertProblem !== null && { alertProblem }), ...(notKept !== undefined && { notKept }) };
  if (run) log("checked", { ...run, ...more });
  last = run ?? last;
  if (last) writeFileSync(SAID, `${said(last, notKept)}\n`);
  // Its age says when it has looked last, and not when it was told something.
  if (!watch.isWell || notKept !== undefined) rmSync(WELL, { force: true });
  else if (run) writeFileSync(WELL, "");
  // However often something is said: nothing is kept, nor told, more than once a second.
  await pause(Math.min(pauseMs, 1_000));
  await inbox.wait(Math.max(0, pauseMs - 1_000));
}
