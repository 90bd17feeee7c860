import type Docker from "dockerode";
import { connectDocker, containerLogTail, demultiplex } from "../docker/docker-connection.ts";
import { gone } from "../docker/gone.ts";
import type { LinesArriveInputs } from "./lines-arrive.ts";
import { type Ask, PROGRAM, questionFor, type Said, wrongWith } from "./loki-answers.ts";

/** As much of the collector's log as a message should have. */
const LOG_LINES = 5;

export async function create(inputs: LinesArriveInputs) {
  await prove(inputs);
  return { id: `loki-${inputs.question}`, outs: inputs };
}

export async function update(_id: string, _olds: LinesArriveInputs, news: LinesArriveInputs) {
  await prove(news);
  return { outs: news };
}

async function prove(inputs: LinesArriveInputs): Promise<void> {
  const docker = connectDocker(inputs.docker);
  const now = new Date(((await docker.info()) as { readonly SystemTime: string }).SystemTime);
  // The gateway writes down that it has refused this, and the collector brings what is written down.
  if (inputs.question === "has")
    await fetch(`${inputs.gatewayUrl}/mcp/`, {
      headers: { authorization: "Bearer sk-whether-lines-arrive" },
      signal: AbortSignal.timeout(10_000),
    });
  const wrong = wrongWith(inputs, await askFrom(docker, inputs, questionFor(inputs, now)));
  if (wrong === undefined) return;
  const log = inputs.collector && (await containerLogTail(docker, inputs.collector.name, LOG_LINES).catch(() => ""));
  throw new Error(log ? `${wrong}\n  last lines of the collector's log:\n${log.replace(/^/gm, "    ")}` : wrong);
}

/** Asks from where the collector is, by a container that is thrown away: the collector's own has no program that could. */
async function askFrom(docker: Docker, { image, network }: LinesArriveInputs, ask: Ask): Promise<Said> {
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ["node", "--input-type=module", "-e", PROGRAM],
    Cmd: [],
    Env: [`ASK=${JSON.stringify(ask)}`],
    Labels: { project: "litellm" },
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: network,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      Memory: 128 * 2 ** 20,
    },
  });
  try {
    await container.start();
    await container.wait();
    const printed = demultiplex(await container.logs({ stdout: true, stderr: true, follow: false })).trim();
    try {
      return JSON.parse(printed) as Said;
    } catch {
      return { error: printed || "no answer" };
    }
  } finally {
    await gone(container.remove({ force: true }));
  }
}
