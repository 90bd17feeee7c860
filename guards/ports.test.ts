import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import type Docker from "dockerode";
import { freePort } from "../tests/free-port.ts";
import { portProblem } from "./ports.ts";

const endpoint = { host: "unix:///var/run/docker.sock", sshOpts: [] };
const publishing = (name: string, port: number, address: string, state = "running") =>
  ({ Names: [`/${name}`], State: state, Ports: [{ IP: address, PublicPort: port }] }) as Docker.ContainerInfo;
const wanted = (port: number) => ({
  setting: "litellm-mcp:gateway.port",
  address: "127.0.0.1",
  port,
  container: "lab-ingress",
  formerContainer: "lab-litellm",
});

const FREE_IT = "Free it, or write another port at litellm-mcp:gateway.port";

for (const [what, holder, address, problem] of [
  ["the container that is to have it", "lab-ingress", "127.0.0.1", undefined],
  ["the container that had it in an earlier version", "lab-litellm", "127.0.0.1", undefined],
  ["another container", "ingress", "127.0.0.1", "container ingress"],
  ["another container, on every address", "ingress", "0.0.0.0", "container ingress"],
  ["another container, on another address", "ingress", "192.168.1.10", undefined],
] as const)
  test(`a port that is published by ${what} is ${problem ? "refused" : "no problem"}`, async () => {
    const port = await freePort();
    assert.equal(
      await portProblem(endpoint, wanted(port), [publishing(holder, port, address)]),
      problem && `port ${port} on 127.0.0.1 is taken by ${problem}. ${FREE_IT}`,
    );
  });

test("a container that does not run holds no port", async () => {
  const port = await freePort();
  assert.equal(
    await portProblem(endpoint, wanted(port), [publishing("ingress", port, "127.0.0.1", "exited")]),
    undefined,
  );
});

test("a port on which a program listens is refused", async (t) => {
  const program = net.createServer().listen(0, "127.0.0.1");
  t.after(() => program.close());
  await once(program, "listening");
  const { port } = program.address() as net.AddressInfo;
  assert.equal(
    await portProblem(endpoint, wanted(port), []),
    `port ${port} on 127.0.0.1 is taken by another program. ${FREE_IT}`,
  );
});
