import assert from "node:assert/strict";
import http from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { chownContainer, create, update } from "./volume-owner.provider.ts";

/** Docker's API as far as the provider uses it. */
let calls: string[] = [];
let running = false;
let exitCode = 0;
const daemon = http.createServer((request, response) => {
  calls.push(`${request.method} ${request.url!.replace(/\?.*/, "")}`);
  const answer = (status: number, body?: unknown) =>
    response
      .writeHead(status, { "content-type": "application/json" })
      .end(body === undefined ? undefined : JSON.stringify(body));
  switch (`${request.method} ${request.url!.replace(/\?.*/, "")}`) {
    case "POST /containers/mcp-memory/stop":
      return running ? answer(204) : answer(404, { message: "No such container" });
    case "POST /containers/create":
      return answer(201, { Id: "helper" });
    case "POST /containers/helper/start":
    case "DELETE /containers/helper":
      return answer(204);
    case "POST /containers/helper/wait":
      return answer(200, { StatusCode: exitCode });
    case "GET /containers/helper/logs":
      return response
        .writeHead(200)
        .end(Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 20]), Buffer.from("chown: not permitted")]));
    default:
      return answer(500, { message: request.url });
  }
});

let folder: string;
const inputs = (changes = {}) => ({
  docker: { host: `unix://${folder}/docker.sock`, sshOpts: [] },
  volume: "mcp-memory-data",
  owner: "912345:912345",
  image: "sha256:1",
  container: "mcp-memory",
  ...changes,
});

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "volume-owner-"));
  await new Promise<void>((resolve) => daemon.listen(`${folder}/docker.sock`, resolve));
});
after(async () => {
  daemon.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  [calls, running, exitCode] = [[], false, 0];
});

const helper = [
  "POST /containers/create",
  "POST /containers/helper/start",
  "POST /containers/helper/wait",
  "DELETE /containers/helper",
];

test("a volume is given to its owner by a container that leaves again", async () => {
  assert.deepEqual(await create(inputs()), { id: "mcp-memory-data", outs: inputs() });
  assert.deepEqual(calls, ["POST /containers/mcp-memory/stop", ...helper]);
});

test("whoever writes as the former user is stopped first", async () => {
  running = true;
  await update("mcp-memory-data", inputs({ owner: "954321:954321" }), inputs());
  assert.deepEqual(calls, ["POST /containers/mcp-memory/stop", ...helper]);
});

test("another image alone changes nothing in the volume", async () => {
  running = true;
  assert.deepEqual(await update("mcp-memory-data", inputs(), inputs({ image: "sha256:2" })), {
    outs: inputs({ image: "sha256:2" }),
  });
  assert.deepEqual(calls, []);
});

test("another volume is given as well", async () => {
  await update("other", inputs({ volume: "other" }), inputs());
  assert.ok(calls.includes("POST /containers/create"));
});

test("a failure says what chown said, and leaves no container", async () => {
  exitCode = 1;
  await assert.rejects(create(inputs()), {
    message:
      "volume mcp-memory-data: its files could not be given to 912345:912345 (exit code 1)\n    chown: not permitted",
  });
  assert.equal(calls.at(-1), "DELETE /containers/helper");
});

test("its container is root with two capabilities, and reaches the volume and nothing else", () => {
  const { Entrypoint, User, HostConfig } = chownContainer(inputs());
  assert.deepEqual(Entrypoint, ["chown", "-Rh", "912345:912345", "/data"]);
  assert.equal(User, "0:0");
  const { NetworkMode, ReadonlyRootfs, CapDrop, CapAdd, SecurityOpt, Mounts } = HostConfig!;
  assert.deepEqual(
    { NetworkMode, ReadonlyRootfs, CapDrop, CapAdd, SecurityOpt, Mounts },
    {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: ["CAP_CHOWN", "CAP_DAC_READ_SEARCH"],
      SecurityOpt: ["no-new-privileges:true"],
      Mounts: [{ Type: "volume", Source: "mcp-memory-data", Target: "/data" }],
    },
  );
});
