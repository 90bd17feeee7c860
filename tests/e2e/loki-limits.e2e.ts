import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { LOKI_DATA_FOLDER, renderLokiConfig } from "../../components/monitoring/loki-config.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { docker, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { isLong, longOnly } from "./long-form.ts";

// Loki alone, with the stack's configuration, and no stack: what it deletes, and what it does when its disk is full.
const PREFIX = "e2e-limits-";
const LOKI = `${PREFIX}loki`;
const PORT = 31781;
const API = `http://127.0.0.1:${PORT}`;
const HOUR_S = 3_600;

let folder: string;

before(async () => {
  if (!isLong) return;
  await removeLeftovers(PREFIX);
  folder = await mkdtemp(path.join(tmpdir(), "loki-limits-"));
});

after(async () => {
  if (!isLong) return;
  await removeLeftovers(PREFIX);
  await rm(folder, { recursive: true });
});

const isReady = () =>
  eventually("Loki is ready", 90, async () => {
    const answer = await fetch(`${API}/ready`).catch(() => undefined);
    return answer?.ok;
  });

/** What is the stack's but for how often it looks. */
const OFTEN = {
  compactor: { compaction_interval: "5s", retention_delete_delay: "1s" },
  // By default it finds what is gone for some ten minutes more.
  storage_config: { index_cache_validity: "1s", tsdb_shipper: { resync_interval: "5s" } },
};

/** Starts one with nothing in it: on a disk of this size, which is gone when its container ends, or on the machine's. */
async function startLoki({ mib, often = false }: { readonly mib?: number; readonly often?: boolean }): Promise<void> {
  const config = parse(renderLokiConfig({ days: 1 })) as { readonly compactor: object };
  const file = path.join(folder, "loki.yaml");
  const looksOften = { ...OFTEN, compactor: { ...config.compactor, ...OFTEN.compactor } };
  await writeFile(file, stringify({ ...config, ...(often && looksOften) }));
  await removeLeftovers(PREFIX);
  await docker.createVolume({
    Name: `${PREFIX}data`,
    ...(mib !== undefined && {
      DriverOpts: { type: "tmpfs", device: "tmpfs", o: `size=${mib}m,uid=10001,gid=10001` },
    }),
  });
  const container = await docker.createContainer({
    name: LOKI,
    Image: "grafana/loki:3.7.1",
    HostConfig: {
      Binds: [`${file}:/etc/loki/local-config.yaml:ro`, `${PREFIX}data:${LOKI_DATA_FOLDER}`],
      PortBindings: { "3100/tcp": [{ HostIp: "127.0.0.1", HostPort: String(PORT) }] },
    },
    ExposedPorts: { "3100/tcp": {} },
  });
  await container.start();
  await isReady();
}

/** Sends lines of this age and a second each; gives the status of the answer. */
async function send(container: string, ageSeconds: number, lines: readonly string[]): Promise<number> {
  const began = Math.floor(Date.now() / 1000) - ageSeconds;
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const answer = await fetch(`${API}/otlp/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [attribute("job", "logs"), attribute("container", container)] },
          scopeLogs: [
            {
              logRecords: lines.map((line, index) => ({
                timeUnixNano: `${began}${String(index).padStart(9, "0")}`,
                body: { stringValue: line },
              })),
            },
          ],
        },
      ],
    }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** How many lines of this age it has. */
async function found(ageSeconds: number): Promise<number> {
  const time = Math.floor(Date.now() / 1000) - ageSeconds + HOUR_S;
  const params = new URLSearchParams({ query: `sum(count_over_time({job="logs"}[2h]))`, time: String(time) });
  const answer = await fetch(`${API}/loki/api/v1/query?${params.toString()}`);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const { data } = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 0);
}

const inLoki = async (command: string) => {
  const { exitCode, stdout, stderr } = await runInContainer(docker, LOKI, ["sh", "-c", command]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
};

test(
  "on a disk that is nine tenths full it takes no more, says that it can be asked again, and goes on with room",
  longOnly,
  async () => {
    await startLoki({ mib: 600 });
    const used = async () => Number((await inLoki(`df -P ${LOKI_DATA_FOLDER} | tail -1`)).match(/(\d+)%/)![1]);
    await inLoki(`head -c ${480 * 2 ** 20} /dev/zero > ${LOKI_DATA_FOLDER}/of-somebody-else`);
    const sent = (number: number) =>
      send(
        "loud",
        0,
        Array.from({ length: 200 }, () => `${number} ${randomBytes(2_500).toString("hex")}`),
      );
    let status = 204;
    for (let number = 0; number < 200 && status !== 503; number += 1) {
      status = await sent(number);
      assert.ok([204, 429, 503].includes(status), String(status));
      await setTimeout(500);
    }
    console.log(`HTTP ${status} with ${await used()} % in use`);
    assert.equal(status, 503);
    await setTimeout(15_000);
    assert.equal(await sent(0), 503);
    assert.ok((await used()) < 100, `${await used()} %`);
    await inLoki(`rm ${LOKI_DATA_FOLDER}/of-somebody-else`);
    await eventually("it takes lines again", 60, async () => (await sent(1)) === 204);
    await removeLeftovers(PREFIX);
  },
);

test("lines go when their days are over, also from the disk, and no others", longOnly, async () => {
  await startLoki({ often: true });
  const ages = { day: 40 * HOUR_S, week: 7 * 24 * HOUR_S, hours: 5 * HOUR_S };
  const lines = Array.from({ length: 500 }, (_, number) => `${number} ${randomBytes(50).toString("hex")}`);
  for (const [name, age] of Object.entries(ages)) assert.equal(await send(name, age, lines), 204);
  const chunks = () => inLoki(`find ${LOKI_DATA_FOLDER}/chunks/fake -type f | wc -l`);
  await fetch(`${API}/flush`, { method: "POST" });
  await eventually("they are on the disk", 60, async () => Number(await chunks()) >= 3);
  // It writes its index down four times an hour, and when it ends.
  await docker.getContainer(LOKI).restart({ t: 30 });
  await isReady();
  await fetch(`${API}/flush`, { method: "POST" });
  await eventually("those of the last day are left", 180, async () => {
    const [day, week, hours, files] = [
      await found(ages.day),
      await found(ages.week),
      await found(ages.hours),
      await chunks(),
    ];
    console.log(`lines of 40 hours: ${day}, of a week: ${week}, of 5 hours: ${hours}; files: ${files}`);
    return day === 0 && week === 0 && hours === lines.length && Number(files) < 3;
  });
});
