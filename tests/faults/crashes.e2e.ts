import assert from "node:assert/strict";
import { test } from "node:test";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { NIGHTLY_SCRIPT } from "../../components/resource-names.ts";
import { containerIds, docker, startedAt } from "../e2e/docker.ts";
import { eventually } from "../e2e/gateway.ts";
import {
  asking,
  assertOwnAnswers,
  clientOf,
  isAnswered,
  longestWait,
  lost,
  type Made,
  outcomes,
  type OutcomeOf,
  told,
  type Traffic,
} from "./asking.ts";
import { SERVERS } from "./questions.ts";
import { median, type Seen, seconds, tell } from "./seen.ts";
import { crash, deployed } from "./stack.ts";

// Each container of a stack crashes many times under traffic. Docker waits longer and longer before it starts a container
// again that was up for less than 10 s, so each crashes once, and then all others before it does again.
const TIMES = 20;
/** A longer wait is noticed, unless calls wait as long when nothing that they need is away. */
const NOTICED_MS = 3_000;
const SOON_MS = 100;

const stack = deployed("faults-crashes", 19200, SERVERS.map(clientOf), {
  "litellm-mcp:redis": {},
  "litellm-mcp:backup": {},
});

interface Crash {
  readonly container: string;
  readonly at: number;
  /** What has crashed answers. */
  readonly back: number;
}

const crashes: Crash[] = [];
let made: readonly Made[] = [];

/** Whose calls need a container. */
const serversOf = (container: string): readonly string[] =>
  ["ingress", "litellm"].includes(container)
    ? SERVERS
    : SERVERS.filter((server) => container === server || new RegExp(`^mcp-${server}\\b`).test(container));

const isServer = (container: string) => container.startsWith("mcp-");

/** Whether a container answers that no call needs. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  redis: ["redis-cli", "ping"],
  backup: ["bash", NIGHTLY_SCRIPT, "health"],
};

async function answers(container: string): Promise<boolean> {
  const command = ANSWERS[container] ?? assert.fail(`nobody asks ${container}`);
  const { exitCode } = await runInContainer(docker, `${stack().prefix}${container}`, command).catch(() => ({
    exitCode: 1,
  }));
  return exitCode === 0;
}

/** Ends when what has crashed answers, LiteLLM is healthy, and each server has answered a call that was made after that. */
async function crashed(container: string, traffic: Traffic): Promise<Crash> {
  const name = `${stack().prefix}${container}`;
  const litellm = `${stack().prefix}litellm`;
  const before = await startedAt(name);
  await crash(name);
  const at = Date.now();
  const started = await eventually(
    `Docker has started ${name}`,
    60,
    async () => {
      const now = await startedAt(name);
      return now > before && now;
    },
    SOON_MS,
  );
  const answered = (servers: readonly string[], since: number) => async () => {
    const first = servers.map((server) =>
      traffic.made.find((one) => one.server === server && isAnswered(one) && one.began >= since),
    );
    return first.every((one) => one !== undefined) && Math.max(...first.map(({ ended }) => ended));
  };
  const own = serversOf(container);
  const back = await eventually(
    `${container} answers`,
    240,
    own.length ? answered(own, started) : async () => (await answers(container)) && Date.now(),
    SOON_MS,
  );
  await eventually("LiteLLM is healthy", 180, async () => {
    const { State } = await docker.getContainer(litellm).inspect();
    return State.Health?.Status === "healthy";
  });
  await eventually("all servers answer", 240, answered(SERVERS, Date.now()), SOON_MS);
  return { container, at, back };
}

/** Each crash with the calls that ended after it and before the next. */
function eachWithCalls(): (Crash & { readonly calls: readonly Made[] })[] {
  return crashes.map((one, index) => {
    const next = crashes[index + 1]?.at ?? Infinity;
    return { ...one, calls: made.filter(({ ended }) => ended >= one.at && ended < next) };
  });
}

test(`each container crashes ${TIMES} times while clients ask, and Docker brings it back each time`, async () => {
  const { base, prefix, keys } = stack();
  const containers = Object.keys(await containerIds(prefix)).sort();
  const restarts = () =>
    Promise.all(
      containers.map(async (container) => {
        const { RestartCount } = await docker.getContainer(`${prefix}${container}`).inspect();
        return [container, RestartCount] as const;
      }),
    );
  const before = new Map(await restarts());
  const traffic = asking(base, keys);
  const began = Date.now();
  try {
    for (let round = 1; round <= TIMES; round++) {
      for (const container of containers) crashes.push(await crashed(container, traffic));
      console.log(`round ${round} after ${seconds(Date.now() - began)}, ${traffic.made.length} calls`);
    }
  } finally {
    await traffic.stop();
    made = traffic.made;
  }
  const rose = (await restarts()).map(([container, count]) => [container, count - before.get(container)!]);
  // LiteLLM too: its healthcheck has ended none that had locked itself up.
  assert.deepEqual(
    rose,
    containers.map((container) => [container, TIMES]),
  );
});

test("nobody gets another's answer, and what was answered is recorded once", async () => {
  const outcomeOf = await outcomes(stack().workspace);
  tell([...new Set(crashes.map(({ container }) => container))].map((container) => seen(container, outcomeOf)));
  console.log(`${made.length} calls, of which ${made.filter(isAnswered).length} were answered`);
  assertOwnAnswers(made, outcomeOf);
});

/** From which wait on a crash is noticed: a machine that is busy lets all calls wait, also when what crashes is needed by none. */
function noticedMs(): number {
  const ofNobody = eachWithCalls().filter(({ container }) => serversOf(container).length === 0);
  return Math.max(NOTICED_MS, 2 * Math.max(...ofNobody.map(({ calls }) => longestWait(calls))));
}

/** What all crashes of one container cost. */
function seen(container: string, outcomeOf: OutcomeOf): Seen {
  const own = eachWithCalls().filter((one) => one.container === container);
  const times = own.map(({ at, back }) => back - at);
  return {
    fault: `${container} is killed, ${own.length} times`,
    others: serversOf(container).length === SERVERS.length ? "every call goes through it" : ofOthers(container, own),
    itself: `${seconds(median(times))}, once ${seconds(Math.max(...times))}`,
    lost: lost(
      own.flatMap(({ calls }) => calls),
      outcomeOf,
    ),
  };
}

/** What those noticed who asked other servers. */
function ofOthers(container: string, crashesOfIt: ReturnType<typeof eachWithCalls>): string {
  const waits = crashesOfIt.map(({ calls }) => {
    const others = calls.filter(({ server }) => !serversOf(container).includes(server));
    return { ms: longestWait(others), failed: others.filter((one) => !isAnswered(one)).length };
  });
  const longest = Math.max(0, ...waits.map(({ ms }) => ms));
  const failed = waits.reduce((sum, one) => sum + one.failed, 0);
  return [
    failed === 0 && longest < noticedMs() ? "never away" : `${failed} calls failed`,
    `the longest wait was ${seconds(longest)}`,
  ].join("; ");
}

test("whoever asks another server notices nothing of a crash of one", () => {
  const longMs = noticedMs();
  const ofServers = eachWithCalls().filter(({ container }) => isServer(container));
  const noticed = ofServers.flatMap(({ container, calls }) =>
    calls
      .filter(({ server }) => !serversOf(container).includes(server))
      .filter((one) => !isAnswered(one) || one.ended - one.began >= longMs)
      .map((one) => `${container} crashed: ${one.server} after ${seconds(one.ended - one.began)}: ${told(one)}`),
  );
  assert.deepEqual(noticed, []);
});
