import assert from "node:assert/strict";
import { test } from "node:test";
import type { AlertPost } from "./alerts.ts";
import { type Said, WATCHDOG } from "./prometheus.ts";
import { NOTHING_KNOWN, type State } from "./state.ts";
import { DISK, FORBIDDEN, GATEWAY, type Run, type Trouble } from "./troubles.ts";
import { Watch, type WatchOptions } from "./watch.ts";

const WHERE = { stack: "lan", url: "http://linuxserver.lan:4000" };
const ADDRESS = "http://192.168.1.30:8080/alerts";

const MINUTE_MS = 60_000;
const watchdog: Said = { of: WATCHDOG, since: "2026-11-22T09:00:00.000Z", problem: "Always raised", isOver: false };

/** A gateway whose servers are wrong as `wrong` says, a clock that stands, and somebody who is told. */
class World {
  wrong: Record<string, string> = {};
  /** Why nobody can be told. */
  deaf: string | undefined;
  /** Whether Prometheus says each minute that it is there. */
  isHeard = true;
  readonly posted: AlertPost[] = [];
  readonly asked: (readonly string[] | undefined)[] = [];
  time = Date.parse("2026-11-22T10:00:00.000Z");

  watch(more: Partial<WatchOptions> = {}, state: State = NOTHING_KNOWN): Watch {
    const watch = new Watch(
      {
        ...{ minutes: 15, where: WHERE, alertsTo: ADDRESS, now: () => this.time },
        ...{ lookedAt: [GATEWAY, "git", "time", FORBIDDEN, DISK], heardOf: ["git", "time"] },
        run: (known, isWhole) => Promise.resolve(this.#run(isWhole ? undefined : known)),
        post: (body) => {
          if (this.deaf === undefined) this.posted.push(body);
          return Promise.resolve(this.deaf);
        },
        ...more,
      },
      state,
    );
    const step = watch.step.bind(watch);
    watch.step = (said = []) => step(this.isHeard ? [watchdog, ...said] : said);
    return watch;
  }

  #run(again: readonly Trouble[] | undefined): Run {
    const of = again?.map((trouble) => trouble.of);
    this.asked.push(of);
    const away = Object.hasOwn(this.wrong, GATEWAY);
    const tried = away ? [GATEWAY] : [GATEWAY, ...(of ?? ["git", "time", FORBIDDEN, DISK])];
    const problems = Object.fromEntries(Object.entries(this.wrong).filter(([name]) => tried.includes(name)));
    return { at: new Date(this.time).toISOString(), seconds: 0.3, tried: [...new Set(tried)], problems };
  }

  /** One step, and the pause after it. */
  async after(watch: Watch, ...said: readonly Said[]): Promise<number> {
    const began = this.time;
    let { pauseMs } = await watch.step(said);
    for (; this.isHeard && pauseMs > MINUTE_MS; { pauseMs } = await watch.step()) this.time += MINUTE_MS;
    this.time += pauseMs;
    return (this.time - began) / 1_000;
  }
}

const titles = ({ posted }: World) => posted.map(({ title }) => title);

test("of a gateway that is right each run tries everything, and somebody is told once that alerts arrive", async () => {
  const world = new World();
  const watch = world.watch();
  assert.equal(watch.state.last, null);
  assert.deepEqual([await world.after(watch), await world.after(watch)], [900, 900]);
  assert.deepEqual(world.asked, [undefined, undefined]);
  assert.ok(watch.isWell);
  assert.deepEqual(titles(world), ["Alerts arrive (lan)"]);
  assert.equal(watch.state.next, "2026-11-22T10:30:00.000Z");
});

test("what is wrong is looked at again after half a minute, then each minute, alone; its end is told", async () => {
  const world = new World();
  const watch = world.watch();
  await world.after(watch);
  world.wrong = { time: 'MCP server "time" lists no tools' };
  assert.equal(await world.after(watch), 30);
  assert.ok(watch.isWell, "one run may have come in the middle of an up");
  assert.equal(await world.after(watch), 60);
  assert.ok(!watch.isWell);
  assert.deepEqual(world.asked.slice(-2), [undefined, ["time"]]);
  world.wrong = {};
  await world.after(watch);
  assert.ok(watch.isWell);
  assert.deepEqual(titles(world).slice(1), ["MCP server time fails (lan)", "MCP server time works again (lan)"]);
  const [, firing, resolved] = world.posted;
  assert.deepEqual(firing?.alerts, [
    {
      status: "firing",
      labels: { alertname: "McpServerFails", stack: "lan", server: "time" },
      annotations: { summary: "MCP server time fails", description: 'MCP server "time" lists no tools' },
      startsAt: "2026-11-22T10:15:00.000Z",
      endsAt: "0001-01-01T00:00:00Z",
    },
  ]);
  assert.match(firing.message, /lists no tools\n.*npm run doctor -- --stack lan$/);
  assert.deepEqual([resolved?.status, resolved?.alerts[0]?.endsAt], ["resolved", "2026-11-22T10:16:30.000Z"]);
});

test("a Prometheus that says nothing any more is told once, and that it is heard again, also by the next program", async () => {
  const world = new World();
  world.isHeard = false;
  const watch = world.watch();
  assert.equal(await world.after(watch, watchdog), 300);
  await world.after(watch);
  assert.deepEqual(titles(world).slice(1), ["Prometheus says nothing (lan)"]);
  assert.match(world.posted[1]!.message, /has said nothing for 5 minutes.*npm run doctor/);
  assert.deepEqual(world.posted[1]!.alerts[0]!.labels, { alertname: "PrometheusSilent", stack: "lan" });
  assert.equal(watch.state.silent?.since, "2026-11-22T10:00:00.000Z");
  assert.ok(watch.isWell, "the gateway works");
  const next = world.watch({}, watch.state);
  await world.after(next);
  await world.after(next);
  assert.equal(world.posted.length, 2);
  await world.after(next, watchdog);
  assert.deepEqual(titles(world).slice(2), ["Prometheus is heard again (lan)"]);
  assert.equal(next.state.silent, null);
});

test("a Prometheus that is heard each minute is not silent, and its watchdog is told to nobody", async () => {
  const world = new World();
  const watch = world.watch();
  for (let quarter = 0; quarter < 3; quarter += 1) assert.equal(await world.after(watch), 900);
  assert.deepEqual([titles(world), watch.state.heard], [["Alerts arrive (lan)"], []]);
});

test("where no Prometheus says anything it is not silent, and one that was taken away is no longer", async () => {
  const world = new World();
  const watch = world.watch({ heardOf: undefined });
  for (let step = 0; step < 3; step += 1) assert.equal(await world.after(watch), 900);
  assert.equal(world.posted.length, 1);
  world.isHeard = false;
  const silent = world.watch();
  await world.after(silent);
  await world.after(silent);
  await world.after(world.watch({ heardOf: undefined }, silent.state));
  assert.equal(titles(world).at(-1), "the monitoring is no longer looked at (lan)");
});

test("while something is wrong, everything else is tried as often as always", async () => {
  const world = new World();
  const watch = world.watch();
  world.wrong = { time: "is away" };
  for (let step = 0; step < 17; step += 1) await world.after(watch);
  assert.equal(world.asked.filter((of) => of === undefined).length, 2);
});

test("when a gateway that was away answers again, everything is tried at once", async () => {
  const world = new World();
  const watch = world.watch();
  await world.after(watch);
  world.wrong = { [GATEWAY]: "fetch failed" };
  await world.after(watch);
  await world.after(watch);
  world.wrong = {};
  assert.equal(await world.after(watch), 0);
  await world.after(watch);
  assert.deepEqual(world.asked.slice(-2), [[GATEWAY], undefined]);
  assert.deepEqual(titles(world).slice(1), ["the gateway does not answer (lan)", "the gateway answers again (lan)"]);
});

test("a disk that is nearly full is told, and the gateway is well all the same", async () => {
  const world = new World();
  world.wrong = { [DISK]: "the disk is 93 % full" };
  const watch = world.watch();
  await world.after(watch);
  await world.after(watch);
  assert.ok(watch.isWell);
  assert.equal(titles(world).at(-1), "the disk of the gateway's host is nearly full (lan)");
});

test("a stack that was not right since the program started is not right after one run", async () => {
  const world = new World();
  world.wrong = { time: "is away" };
  const watch = world.watch();
  await world.after(watch);
  assert.ok(!watch.isWell);
});

test("who was told of a trouble is told of its end by the next container", async () => {
  const world = new World();
  const before = world.watch();
  world.wrong = { time: "is away" };
  await world.after(before);
  await world.after(before);
  world.wrong = {};
  const watch = world.watch({}, JSON.parse(JSON.stringify(before.state)) as State);
  await world.after(watch);
  assert.deepEqual(titles(world), [
    "Alerts arrive (lan)",
    "MCP server time fails (lan)",
    "MCP server time works again (lan)",
  ]);
});

test("whoever cannot be told is told later, and until then it is not well", async () => {
  const world = new World();
  const watch = world.watch();
  await world.after(watch);
  world.deaf = `${ADDRESS} does not answer`;
  world.wrong = { time: "is away" };
  await world.after(watch);
  await world.after(watch);
  world.wrong = {};
  assert.equal(await world.after(watch), 60);
  assert.deepEqual([watch.isWell, watch.state.alertProblem, watch.state.untold.length], [false, world.deaf, 2]);
  world.deaf = undefined;
  await world.after(watch);
  assert.deepEqual([watch.isWell, watch.state.alertProblem, watch.state.untold.length], [true, null, 0]);
  assert.equal(titles(world).at(-1), "MCP server time fails, MCP server time works again (lan)");
  assert.deepEqual(
    world.posted.at(-1)?.alerts.map(({ status }) => status),
    ["firing", "resolved"],
  );
});

test("an address that does not work is found when it is new, not when it is needed", async () => {
  const world = new World();
  world.deaf = `${ADDRESS} answers HTTP 404`;
  const watch = world.watch();
  await world.after(watch);
  assert.deepEqual([watch.isWell, watch.state.alertsTo], [false, null]);
  world.deaf = undefined;
  await world.after(watch);
  assert.deepEqual([watch.isWell, watch.state.alertsTo], [true, ADDRESS]);
});

test("without an address nothing is kept for anybody", async () => {
  const world = new World();
  const watch = world.watch({ alertsTo: undefined });
  world.wrong = { time: "is away" };
  await world.after(watch);
  await world.after(watch);
  assert.deepEqual([watch.state.untold, world.posted], [[], []]);
  assert.equal(watch.state.troubles.length, 1);
});

test("of what cannot be told for long the newest is kept", async () => {
  const world = new World();
  const watch = world.watch({ minutes: 1 });
  await world.after(watch);
  world.deaf = "no";
  for (let time = 0; time < 80; time += 1) {
    world.wrong = { time: `is away, ${time}` };
    await world.after(watch);
    await world.after(watch);
    world.wrong = {};
    await world.after(watch);
    // Later than what comes and goes.
    world.time += 3_600_000;
  }
  assert.equal(watch.state.untold.length, 100);
  assert.equal(watch.state.untold.at(-1)?.problem, "is away, 79");
});

test("a server that an up has taken away is in trouble no longer, and the container that follows is well", async () => {
  const world = new World();
  const before = world.watch();
  world.wrong = { time: "is away" };
  await world.after(before);
  await world.after(before);
  world.wrong = {};
  const watch = world.watch({ lookedAt: [GATEWAY, "git", FORBIDDEN] }, before.state);
  await world.after(watch);
  assert.deepEqual([watch.isWell, watch.state.troubles], [true, []]);
  assert.equal(titles(world).at(-1), "MCP server time is no longer looked at (lan)");
});

test("an address that is new while something is wrong is told of it", async () => {
  const world = new World();
  const before = world.watch({ alertsTo: undefined });
  world.wrong = { time: "is away" };
  await world.after(before);
  await world.after(before);
  const watch = world.watch({}, before.state);
  await world.after(watch);
  world.wrong = {};
  await world.after(watch);
  assert.deepEqual(titles(world), [
    "Alerts arrive (lan)",
    "MCP server time fails (lan)",
    "MCP server time works again (lan)",
  ]);
});

test("a second run is 30 seconds after the first, also where one of everything would come before it", async () => {
  const world = new World();
  const watch = world.watch();
  world.wrong = { time: "is away" };
  for (let step = 0; step < 15; step += 1) await world.after(watch);
  // What is looked at each minute: 15 seconds before everything is tried, the gateway is away for a moment.
  world.time += 15_000;
  world.wrong = { [GATEWAY]: "fetch failed" };
  assert.equal(await world.after(watch), 30);
});

test("what one run alone has found is no second time for the container that follows at once", async () => {
  const world = new World();
  const before = world.watch();
  await world.after(before);
  world.wrong = { time: "is away" };
  await world.after(before);
  const watch = world.watch({}, before.state);
  assert.equal(await world.after(watch), 30);
  assert.deepEqual(titles(world), ["Alerts arrive (lan)"]);
});

test("a gateway that was away for one run of everything is tried with everything when it answers", async () => {
  const world = new World();
  const watch = world.watch();
  world.wrong = { [GATEWAY]: "fetch failed" };
  await world.after(watch);
  world.wrong = {};
  assert.equal(await world.after(watch), 0);
  await world.after(watch);
  assert.deepEqual(world.asked.at(-1), undefined);
  assert.deepEqual(watch.state.last?.tried, [GATEWAY, "git", "time", FORBIDDEN, DISK]);
});

const said = (of: string, isOver = false): Said => ({
  ...{ of, since: "2026-11-22T10:00:00.000Z", problem: `${of} is said`, isOver },
});

test("what Prometheus says is told at once, without a run, and its end; neither makes it unwell", async () => {
  const world = new World();
  const watch = world.watch();
  assert.equal(await world.after(watch), 900);
  world.time -= 600_000;
  assert.equal(await world.after(watch, said("ServerAway time"), said("ManyRefusals")), 600);
  assert.ok(watch.isWell);
  assert.equal(world.asked.length, 1);
  world.time -= 540_000;
  await world.after(watch, said("ServerAway time"), said("ManyRefusals", true));
  world.time -= 480_000;
  await world.after(watch, said("ServerAway time", true), said("ManyRefusals", true));
  assert.deepEqual(titles(world).slice(1), [
    "MCP server time is away, many requests or calls are refused (lan)",
    "requests or calls are no longer refused in such numbers (lan)",
    "MCP server time is back (lan)",
  ]);
  assert.deepEqual(world.posted[1]?.alerts[0]?.labels, { alertname: "ServerAway", stack: "lan", server: "time" });
});

test("runs come as often as always, however often Prometheus says something", async () => {
  const world = new World();
  const watch = world.watch();
  await watch.step();
  for (let second = 0; second < 1_800; second += 1) {
    world.time += 1_000;
    await watch.step([said("ManyRefusals")]);
  }
  assert.equal(world.asked.length, 3);
  assert.equal(world.posted.length, 2);
});

test("a server of which Prometheus has told is not told again by the check, until both find it right", async () => {
  const world = new World();
  const watch = world.watch();
  await watch.step();
  world.time += 800_000;
  await watch.step([said("ServerAway time")]);
  world.wrong = { time: "is away" };
  for (let minute = 0; minute < 5; minute += 1) {
    world.time += 60_000;
    await watch.step([said("ServerAway time")]);
  }
  assert.equal(watch.isWell, false);
  await watch.step([said("ServerAway time", true)]);
  assert.deepEqual(titles(world).slice(1), ["MCP server time is away (lan)"]);
  world.wrong = {};
  world.time += 60_000;
  await watch.step();
  assert.deepEqual(titles(world).slice(1), ["MCP server time is away (lan)", "MCP server time is back (lan)"]);
});

test("what Prometheus has said outlives the program, and is not told again by the next; while nobody listens it is kept", async () => {
  const world = new World();
  const before = world.watch();
  await world.after(before);
  await before.step([said("ServerAway time")]);
  world.time += 7_200_000;
  const kept = JSON.parse(JSON.stringify(before.state)) as State;
  const watch = world.watch({}, kept);
  await watch.step();
  assert.equal(titles(world).length, 2, "that nobody listened is no end");
  world.deaf = "no";
  await watch.step([said("ServerAway time", true)]);
  assert.deepEqual([watch.isWell, watch.state.untold.length], [false, 1]);
  world.deaf = undefined;
  world.time += 60_000;
  await watch.step();
  assert.equal(titles(world).at(-1), "MCP server time is back (lan)");
  assert.ok(watch.isWell);
});

test("what Prometheus says no more of is over after ten minutes, and at once where it says nothing any more", async () => {
  const world = new World();
  const watch = world.watch();
  await world.after(watch);
  await watch.step([said("ManyRefusals"), said("ServerAway git")]);
  const { state } = watch;
  await world.watch({ heardOf: undefined }, state).step();
  const gone =
    "Prometheus says no more of this: many requests or calls are refused, Prometheus says no more of this: MCP server git is away (lan)";
  assert.equal(titles(world).at(-1), gone);
  assert.equal(await world.after(watch), 600);
  await watch.step();
  assert.deepEqual(titles(world).slice(-2), [gone, gone]);
});

test("what comes and goes is told three times at most, and its end by itself when it has been right for long", async () => {
  const world = new World();
  const watch = world.watch({ minutes: 1_440 });
  await watch.step();
  for (let time = 0; time < 20; time += 1) {
    world.time += 60_000;
    await watch.step([said("ServerAway time")]);
    world.time += 60_000;
    await watch.step([said("ServerAway time", true)]);
  }
  assert.equal(world.posted.length, 1 + 5);
  assert.match(
    world.posted.at(-1)!.message,
    /ServerAway time is said\nIt comes and goes, 3 times or more within an hour/,
  );
  assert.equal(await world.after(watch), 30 * 60);
  await watch.step();
  assert.equal(titles(world).at(-1), "MCP server time is back (lan)");
  assert.equal(world.posted.length, 7);
});
