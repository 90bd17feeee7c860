import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import { examine } from "../e2e/doctor-says.ts";
import { callTool, eventually } from "../e2e/gateway.ts";
import type { Finished, Workspace } from "../e2e/workspace.ts";
import {
  asking,
  assertOwnAnswers,
  clientOf,
  isAnswered,
  longestWait,
  lost,
  type Made,
  outcomes,
  type Traffic,
} from "./asking.ts";
import { OwnHost } from "./own-host.ts";
import { SERVERS } from "./questions.ts";
import { rows } from "./records.ts";
import { counted, seconds, tell } from "./seen.ts";
import { settingsOf, workspaceOf } from "./stack.ts";

// What happens to a whole host: its Docker is restarted, its disk is full, it is not reached any more. The host is one of the
// tests' own on this machine, and everything of the stack is on the other side of its cable.
const NAME = "faults-host";
const PREFIX = `${NAME}-`;
const PORT = 19600;
const POSTGRES = `${PREFIX}postgres`;
/** Longer than LiteLLM takes to start on a busy machine. */
const BACK_WITHIN_S = 240;
const CABLE_IS_OUT_MS = 20_000;
/** However long ssh waits for an answer, and then for the next. */
const UP_ENDS_WITHIN_S = 180;

let host: OwnHost;
let workspace: Workspace;
let base: string;
let keys: Readonly<Record<string, string>>;

before(async () => {
  host = await OwnHost.make();
  const { url, knownHosts, identity } = host.sshd;
  workspace = await workspaceOf(NAME, {
    ...settingsOf(NAME, PORT, SERVERS.map(clientOf)),
    "litellm-mcp:docker": { host: url, knownHosts, identity },
    "litellm-mcp:lan": { address: host.address },
  });
  base = `http://${host.address}:${PORT}`;
  succeeds(await up());
  keys = (await workspace.outputs()).clientKeys;
});

after(async () => {
  await workspace?.remove();
  await host?.remove();
});

const npm = (command: string, ...args: string[]): Promise<Finished> =>
  workspace.run("npm", ["run", "--silent", command, "--", "--stack", NAME, ...args]);
const up = () => npm("up", "--yes");
const succeeds = ({ exitCode, output }: Finished) => assert.equal(exitCode, 0, output);

/** Clients ask while something happens. Each server has answered before. */
async function underTraffic(happens: (traffic: Traffic) => Promise<void>): Promise<readonly Made[]> {
  const traffic = asking(base, keys);
  try {
    await allAnswered(traffic, 0);
    await happens(traffic);
  } finally {
    await traffic.stop();
  }
  return traffic.made;
}

/** When each of these servers has answered a call that was made after that moment. */
const answered = (traffic: Traffic, since: number, servers: readonly string[]): Promise<number> =>
  eventually(
    `${servers.join(", ")} answer`,
    BACK_WITHIN_S,
    async () => {
      const first = servers.map((server) =>
        traffic.made.find((one) => one.server === server && one.began >= since && isAnswered(one)),
      );
      return first.every((one) => one !== undefined) && Math.max(...first.map(({ ended }) => ended));
    },
    100,
  );

const allAnswered = (traffic: Traffic, since: number) => answered(traffic, since, SERVERS);

const psql = (sql: string) =>
  runInContainer(host.docker, POSTGRES, ["psql", "-U", POSTGRES_ADMIN, "-d", "postgres", "-Atc", sql]);

/** What clients and LiteLLM have stored, which is there afterwards as well. */
async function stored(name: string, calls: readonly Made[]): Promise<() => Promise<void>> {
  const remembered = { entities: [{ name, entityType: "test", observations: ["stored before"] }] };
  const memory = (tool: string, args = {}) => callTool(`${base}/mcp/`, keys["test-key"]!, `memory-${tool}`, args);
  await memory("create_entities", remembered);
  const ids = calls.filter(isAnswered).map(({ id }) => id);
  assert.ok(ids.length);
  const missing = async () => {
    const written = await rows(host.docker, POSTGRES, 0);
    return ids.filter((id) => !written.has(id));
  };
  await eventually("LiteLLM has written its rows", 120, async () => !(await missing()).length);
  return async () => {
    assert.match(await memory("read_graph"), new RegExp(name));
    assert.deepEqual(await missing(), []);
    assert.deepEqual((await workspace.outputs()).clientKeys, keys);
  };
}

/** Healthchecks take a while after a start. */
async function isWell(): Promise<void> {
  await eventually("npm run status finds no problem", 120, async () => (await npm("status")).exitCode === 0);
}

const RESTARTS = [
  ["Docker is restarted on the host", "SIGTERM"],
  ["Docker's daemon is killed, and started again", "SIGKILL"],
] as const;

for (const [fault, signal] of RESTARTS)
  test(`${fault}: the whole gateway comes back by itself, with keys and data`, async () => {
    let kept = () => Promise.resolve();
    let [stopped, started, back] = [0, 0, 0];
    const made = await underTraffic(async (traffic) => {
      kept = await stored(`before ${signal}`, [...traffic.made]);
      const began = Date.now();
      await host.stopDocker(signal);
      stopped = Date.now() - began;
      await host.startDocker();
      const runs = Date.now();
      started = runs - began - stopped;
      back = (await allAnswered(traffic, runs)) - began;
    });
    await isWell();
    const outcomeOf = await outcomes(workspace);
    tell([
      {
        ...{ fault, others: "all of it is hit", lost: lost(made, outcomeOf) },
        itself: `${seconds(back)}, of which Docker takes ${seconds(stopped)} to stop and ${seconds(started)} to start`,
      },
    ]);
    assertOwnAnswers(made, outcomeOf);
    await kept();
  });

test("the disk is full: calls are refused with the reason and none is lost in silence; with room again all goes on by itself", async () => {
  let [back, writes] = [0, 0];
  const made = await underTraffic(async (traffic) => {
    try {
      await host.fillDisk();
      await eventually("a call of each server is refused because it cannot be recorded", 120, async () =>
        SERVERS.every((server) =>
          traffic.made.some(
            (one) => one.server === server && /^503 .*its audit line cannot be written/.test(one.problem ?? ""),
          ),
        ),
      );
      const { exitCode, stderr } = await psql("CREATE TABLE filled AS SELECT generate_series(1, 10000)");
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /No space left on device/);
      const { exitCode: examined, findings, output } = await examine(workspace);
      assert.equal(examined, 1, output);
      assert.ok(
        findings.some(({ seen }) => /the disk that has Docker's data .* is (99|100) % full/.test(seen)),
        output,
      );
      const verified = await npm("verify");
      assert.equal(verified.exitCode, 1, verified.output);
      assert.match(verified.output, /its audit line cannot be written/);
    } finally {
      await host.freeDisk();
    }
    const room = Date.now();
    back = (await allAnswered(traffic, room)) - room;
    await eventually("Postgres writes again", 60, async () => {
      const { exitCode } = await psql("CREATE TABLE filled AS SELECT generate_series(1, 10000)");
      writes = Date.now() - room;
      return exitCode === 0;
    });
  });
  await psql("DROP TABLE filled");
  await isWell();
  const outcomeOf = await outcomes(workspace);
  const ofAnswered = made.filter(isAnswered).map(outcomeOf);
  tell([
    {
      ...{ fault: "the disk with Docker's data is full", others: "all of it is hit" },
      itself: `${seconds(back)} after there is room again; Postgres writes after ${seconds(writes)}`,
      lost: `${lost(made, outcomeOf)}; of those that were answered the record says: ${counted(ofAnswered)}`,
    },
  ]);
  // The line of a call is written before it is made; for that of its outcome there may have been no room.
  assert.ok(!ofAnswered.includes("none"), counted(ofAnswered));
  const isOpen = (one: Made) => ["running", "unknown"].includes(outcomeOf(one));
  assertOwnAnswers(
    made.filter((one) => !isOpen(one)),
    outcomeOf,
  );
});

/** A change for which the container of a server is replaced. */
async function changeTime(value: string): Promise<void> {
  await workspace.editFile(
    "mcp/time/server.yaml",
    (text) => `${text.replace(/\nenv: .*\n/, "\n").trimEnd()}\nenv: { CHANGED: "${value}" }\n`,
  );
}

/** Ends when the container of the server that changes is replaced. */
async function timeIsReplaced(): Promise<void> {
  const id = async () => {
    const containers = await host.docker.listContainers({ all: true });
    return containers.find(({ Names }) => Names.includes(`/${PREFIX}mcp-time`))?.Id;
  };
  const before = await id();
  assert.ok(before);
  await eventually("the container of time is replaced", 180, async () => (await id()) !== before, 50);
}

/** A run that may not take for ever. */
async function bounded(running: Promise<Finished>): Promise<Finished> {
  const tooLong = sleep(UP_ENDS_WITHIN_S * 1000, undefined, { ref: false });
  const ended = await Promise.race([running, tooLong]);
  return ended ?? assert.fail(`npm run up has not ended after ${UP_ENDS_WITHIN_S} s`);
}

/** It ends by saying that the host does not answer, in ssh's words, and what to do. */
function saysWhy({ exitCode, output }: Finished): void {
  assert.notEqual(exitCode, 0, output);
  assert.match(
    output,
    /ssh: connect to host 10\.213\.7\.2 port 2222: (Connection refused|No route to host|.*timed out)/,
  );
  assert.match(output, /Not deployed: .*run the command again; what is in place stays\.\s*$/);
}

test("ssh is cut in the middle of npm run up: it ends with the reason, what runs answers, and the next one completes it", async () => {
  await changeTime("while ssh is cut");
  let [ended, completed] = [0, 0];
  const made = await underTraffic(async (traffic) => {
    const running = up();
    await timeIsReplaced();
    await host.cutSsh();
    try {
      const cut = Date.now();
      saysWhy(await bounded(running));
      ended = Date.now() - cut;
      await answered(
        traffic,
        cut,
        SERVERS.filter((server) => server !== "time"),
      );
      const { exitCode, output } = await up();
      assert.notEqual(exitCode, 0, output);
      assert.match(output, /10\.213\.7\.2:2222 does not answer\. Is the host on, sshd running and the port right\?/);
    } finally {
      await host.sshd.restart();
    }
    const again = await up();
    succeeds(again);
    completed = again.seconds * 1000;
    await allAnswered(traffic, Date.now());
  });
  await isConverged();
  const outcomeOf = await outcomes(workspace);
  const ofOthers = made.filter(({ server }) => server !== "time");
  tell([
    {
      fault: "ssh is cut in the middle of `npm run up`, and comes back",
      others: `the longest wait was ${seconds(longestWait(ofOthers))}`,
      itself: `\`npm run up\` ends ${seconds(ended)} after the cut; the next one completes it in ${seconds(completed)}`,
      lost: lost(made, outcomeOf),
    },
  ]);
  assertOwnAnswers(made, outcomeOf);
});

async function isConverged(): Promise<void> {
  succeeds(await workspace.previewWithoutChanges());
  await isWell();
}

async function pullCable(): Promise<void> {
  try {
    await host.pullCable();
    await sleep(CABLE_IS_OUT_MS);
  } finally {
    await host.plugCable();
  }
}

test("the host's cable is out for 20 s: calls are answered when it is in again", async () => {
  let back = 0;
  const made = await underTraffic(async (traffic) => {
    await pullCable();
    const plugged = Date.now();
    back = (await allAnswered(traffic, plugged)) - plugged;
  });
  const outcomeOf = await outcomes(workspace);
  tell([
    {
      ...{ fault: "the host's cable is out for 20 s", others: "all of it is hit", lost: lost(made, outcomeOf) },
      itself: `${seconds(back)} after it is in again; the longest wait was ${seconds(longestWait(made))}`,
    },
  ]);
  assertOwnAnswers(made, outcomeOf);
});

test("the cable is out for 20 s in the middle of npm run up: it goes on or ends with the reason, and the next one completes it", async () => {
  await changeTime("while the cable is out");
  let [ended, completed] = [0, 0];
  let how = "goes on and succeeds";
  const made = await underTraffic(async (traffic) => {
    const running = up();
    await timeIsReplaced();
    const out = Date.now();
    const [first] = await Promise.all([
      bounded(running).finally(() => {
        ended = Date.now() - out;
      }),
      pullCable(),
    ]);
    if (first.exitCode !== 0) {
      how = "fails with the reason";
      saysWhy(first);
    }
    const again = await up();
    succeeds(again);
    completed = again.seconds * 1000;
    await allAnswered(traffic, Date.now());
  });
  await isConverged();
  const outcomeOf = await outcomes(workspace);
  tell([
    {
      ...{ fault: "the host's cable is out for 20 s in the middle of `npm run up`", lost: lost(made, outcomeOf) },
      others: `the longest wait was ${seconds(longestWait(made))}`,
      itself: `\`npm run up\` ${how}, ${seconds(ended)} after it was pulled; the next one completes it in ${seconds(completed)}`,
    },
  ]);
  assertOwnAnswers(made, outcomeOf);
});
