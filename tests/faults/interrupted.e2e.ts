import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { passwordsOf, type StoredState } from "../../operate/stored-state.ts";
import { docker, leftovers, removeLeftovers } from "../e2e/docker.ts";
import { eventually } from "../e2e/gateway.ts";
import type { Workspace } from "../e2e/workspace.ts";
import { asking, assertOwnAnswers, clientOf, isAnswered, longestWait, lost, outcomes, type Traffic } from "./asking.ts";
import { ask, call, SERVERS } from "./questions.ts";
import { Course, type Moment, startUp } from "./run.ts";
import { median, seconds, type Seen, tell } from "./seen.ts";
import { settingsOf, workspaceOf } from "./stack.ts";

// `npm run up` is killed at moments that are spread over the whole of it, and the next one alone completes it: of a first
// deployment, and of a change while clients ask.
const NAME = "faults-interrupted";
const PREFIX = `${NAME}-`;
const PORT = 19300;
const BASE = `http://127.0.0.1:${PORT}`;
interface Kills {
  readonly deployments: number;
  /** Of one after the other of the runs of each, before one may come to its end. */
  readonly ofEach: number;
}
const OF_A_FIRST: Kills = { deployments: 2, ofEach: 6 };
const OF_A_CHANGE: Kills = { deployments: 4, ofEach: 2 };
const kills = ({ deployments, ofEach }: Kills) => deployments * ofEach;
/** What clients have stored, and the record of their calls, outlive the stack. */
const KEPT = [`${PREFIX}ingress-audit`, `${PREFIX}mcp-memory-data`];

const settings = settingsOf(NAME, PORT, SERVERS.map(clientOf));

let workspace: Workspace;
/** Everything of the stack on the daemon, once all of it is there. */
let whole: string[];
const converging: number[] = [];

/** From nothing: another state, other keys. */
async function another(): Promise<void> {
  await removeLeftovers(PREFIX);
  workspace = await workspaceOf(NAME, settings);
}

before(another);

after(async () => {
  await workspace.destroy();
  await workspace.remove();
  await removeLeftovers(PREFIX);
});

const npm = (command: "up" | "down") => workspace.run("npm", ["run", command, "--", "--stack", NAME, "--yes"]);
const onDaemon = async () => (await leftovers(PREFIX)).sort();

/** Undefined where Pulumi cannot read it: there is none yet, or it is half-written. */
async function state(): Promise<StoredState | undefined> {
  const exported = await workspace.exportState({ showSecrets: true }).catch(() => undefined);
  return exported === undefined ? undefined : (JSON.parse(exported) as { deployment: StoredState }).deployment;
}

/** Values that the program has made up, by the names of their resources; keys of clients are among them. */
const madeUp = (of: StoredState | undefined) =>
  new Map(passwordsOf(of?.resources ?? []).map(({ name, value }) => [name, value]));

async function uninterrupted(): Promise<Course> {
  const run = startUp(workspace);
  await run.ended;
  assert.equal(run.exitCode(), 0, run.lines.map(({ text }) => text).join("\n"));
  const course = new Course(run);
  for (const { text, ms } of course.lines) console.log(`${seconds(ms).padStart(8)}  ${text}`);
  return course;
}

async function killed(course: Course, moment: Moment): Promise<void> {
  const run = startUp(workspace);
  let isOver = false;
  void run.ended.then(() => (isOver = true));
  try {
    await eventually(
      moment.name,
      300,
      async () => {
        if (isOver) assert.fail(`it ended before: ${moment.name}\n${run.lines.map(({ text }) => text).join("\n")}`);
        return course.isReached(moment, run);
      },
      20,
    );
  } finally {
    await run.kill();
  }
  const ms = run.ms();
  const [found, { containers, networks, volumes }] = [await state(), await counts()];
  const stored = found
    ? `${found.resources?.length ?? 0} resources in the state, ${found.pending_operations?.length ?? 0} begun`
    : "no state that can be read";
  console.log(
    `killed after ${seconds(ms)}, ${moment.name}: ${containers} containers, ${networks} networks, ${volumes} volumes; ${stored}`,
  );
}

/** How much of the stack is on the daemon. */
async function counts() {
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listNetworks(),
    docker.listVolumes(),
  ]);
  const count = (names: readonly string[]) => names.filter((name) => name.startsWith(PREFIX)).length;
  return {
    containers: count(containers.flatMap(({ Names }) => Names.map((name) => name.slice(1)))),
    networks: count(networks.map(({ Name }) => Name)),
    volumes: count(volumes.map(({ Name }) => Name)),
  };
}

/** One `npm run up` completes what is there, with the keys that there were; with servers that a change has added. */
async function converges(added: readonly string[]): Promise<void> {
  const before = madeUp(await state());
  const { exitCode, output, seconds: took } = await npm("up");
  assert.equal(exitCode, 0, output);
  converging.push(took * 1000);
  console.log(`completed in ${seconds(took * 1000)}`);
  const found = await state();
  assert.deepEqual(found?.pending_operations ?? [], []);
  const now = madeUp(found);
  const others = [...before].filter(([name, value]) => now.get(name) !== value).map(([name]) => name);
  assert.deepEqual(others, [], "values that were made up anew");
  assert.equal((await workspace.previewWithoutChanges()).exitCode, 0);
  const containers = added.map((server) => `${PREFIX}mcp-${server}`);
  assert.deepEqual(await onDaemon(), [...whole, ...containers].sort());
  await allAnswer([...SERVERS, ...added]);
}

async function allAnswer(servers: readonly string[]): Promise<void> {
  const { clientKeys } = await workspace.outputs();
  for (const server of servers) {
    // Other servers are a second `time`.
    const question = { ...ask(SERVERS.includes(server) ? server : "time", 1), server };
    const { problem } = await call(BASE, clientKeys["test-key"]!, question);
    assert.equal(problem, undefined, server);
  }
}

/** Moments of a run, dealt out to its deployments, of which each is killed at ever later ones. */
function dealt(course: Course, planned: Kills): Moment[][] {
  const moments = course.moments(kills(planned));
  return Array.from({ length: planned.deployments }, (_, own) =>
    moments.filter((_one, at) => at % planned.deployments === own),
  );
}

function row(where: string, planned: Kills, others: string, lostThere: string): Seen {
  const times = converging.splice(0);
  return {
    fault: `npm run up is killed ${where}, ${kills(planned)} times`,
    others,
    itself: `the next npm run up, ${seconds(median(times))}, once ${seconds(Math.max(...times))}; it has completed all ${times.length}`,
    lost: lostThere,
  };
}

let ofAFirst: Course;

test("a first deployment that nobody kills, to know its moments", async () => {
  ofAFirst = await uninterrupted();
  whole = await onDaemon();
  await allAnswer(SERVERS);
});

/** Another server, and another setting of LiteLLM's, which replaces it. */
async function change(at: number): Promise<string[]> {
  await workspace.addTimeServer(clock(at), (text) => text.replace(/^description: .*$/m, `description: Clock ${at}`));
  await workspace.writeConfig({
    ...settings,
    "litellm-mcp:gateway": { port: PORT, litellmSettings: { request_timeout: 300 + at } },
  });
  return Array.from({ length: at + 1 }, (_, added) => clock(added));
}

const clock = (at: number) => `clock${at}`;

/** The longest wait of a client while something goes on, until each server answers after it. */
async function waitWhile(traffic: Traffic, goesOn: () => Promise<void>): Promise<number> {
  const began = Date.now();
  await goesOn();
  const over = Date.now();
  await eventually("all servers answer", 180, async () =>
    SERVERS.every((server) =>
      traffic.made.some((one) => one.server === server && isAnswered(one) && one.began >= over),
    ),
  );
  return longestWait(traffic.made.filter(({ ended }) => ended >= began));
}

test(`a change that is killed ${kills(OF_A_CHANGE)} times while clients ask is completed by npm run up alone`, async () => {
  const { clientKeys } = await workspace.outputs();
  const traffic = asking(BASE, clientKeys);
  try {
    let ofAChange: Course | undefined;
    const calm = await waitWhile(traffic, async () => {
      await change(0);
      ofAChange = await uninterrupted();
    });
    console.log(`the longest wait of a client: ${seconds(calm)}`);
    const waits: number[] = [];
    for (const [at, moments] of dealt(ofAChange!, OF_A_CHANGE).entries()) {
      const clocks = await change(at + 1);
      const wait = await waitWhile(traffic, async () => {
        for (const moment of moments) await killed(ofAChange!, moment);
        await converges(clocks);
      });
      console.log(`the longest wait of a client: ${seconds(wait)}`);
      waits.push(wait);
      assert.deepEqual((await workspace.outputs()).clientKeys, clientKeys);
    }
    await traffic.stop();
    const outcomeOf = await outcomes(workspace);
    const others = `the longest wait of a client: ${seconds(Math.max(...waits))}; ${seconds(calm)} where nobody kills it`;
    tell([row("in a change, under calls", OF_A_CHANGE, others, lost(traffic.made, outcomeOf))]);
    assertOwnAnswers(traffic.made, outcomeOf);
  } finally {
    await traffic.stop();
  }
});

test("npm run down leaves nothing", leavesNothing);

async function leavesNothing(): Promise<void> {
  const { exitCode, output } = await npm("down");
  assert.equal(exitCode, 0, output);
  assert.deepEqual(await onDaemon(), KEPT);
}

test(`a first deployment that is killed ${kills(OF_A_FIRST)} times is completed by npm run up alone`, async () => {
  for (const moments of dealt(ofAFirst, OF_A_FIRST)) {
    await workspace.remove();
    await another();
    for (const moment of moments) await killed(ofAFirst, moment);
    await converges([]);
    await leavesNothing();
  }
  tell([row("in a first deployment", OF_A_FIRST, "there are none yet", "nothing: keys that were made are kept")]);
});
