import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { execa } from "execa";
import type { LinesArriveInputs } from "./lines-arrive.ts";
import { type Ask, PROGRAM, questionFor, type Said, wrongWith } from "./loki-answers.ts";

const OWN: LinesArriveInputs = {
  ...{ docker: { host: "unix:///var/run/docker.sock", sshOpts: [] }, image: "x", network: "x", collector: null },
  ...{ url: "http://loki:3100", stack: null, header: null, question: "has", gatewayUrl: "http://192.168.1.10:4000" },
};
const OTHERS: LinesArriveInputs = {
  ...{ ...OWN, url: "http://192.168.1.30:3100", stack: "lan", question: "takes" },
  header: { name: "X-Scope-OrgID", value: "home" },
};
const NOW = new Date(1_700_000_000_123);

test("Loki is asked for a line of this stack and of now, with the header that it asks for", () => {
  const own = questionFor(OWN, NOW);
  const { searchParams } = new URL(own.url);
  assert.deepEqual(
    [searchParams.get("query"), searchParams.get("start")],
    ['{job=~"logs|calls"}', "1700000000123000000"],
  );
  const others = questionFor({ ...OTHERS, question: "has" }, NOW);
  assert.equal(new URL(others.url).searchParams.get("query"), '{service_namespace="lan", service_name!="up"}');
  assert.deepEqual([own.headers, others.headers], [{}, { "X-Scope-OrgID": "home" }]);
});

test("what is wrong names the setting", () => {
  const setting = (said: Said, inputs = OTHERS) => wrongWith(inputs, said)?.split(":").slice(0, 2).join(":");
  assert.equal(setting({ status: 204, text: "" }), undefined);
  assert.equal(setting({ error: "ECONNREFUSED" }), "litellm-mcp:monitoring.logs.loki.url");
  assert.equal(setting({ status: 401, text: "no org id" }), "litellm-mcp:monitoring.logs.loki.header");
  assert.equal(setting({ status: 404, text: "" }), "litellm-mcp:monitoring.logs.loki.url");
  assert.equal(setting({ status: 400, text: "no label" }), "litellm-mcp:monitoring.logs.loki.url");
  assert.equal(setting({ status: 200, text: '{"data":{"result":[]}}' }, OWN), "litellm-mcp:monitoring.logs");
  const line = { status: 200, text: '{"data":{"result":[{"stream":{},"values":[["1","x"]]}]}}' };
  assert.equal(setting(line, OWN), undefined);
  assert.ok(!wrongWith(OTHERS, { status: 401, text: "" })?.includes("home"), "the header's value is in no message");
});

test("the program asks until the answer is there, and no longer where it is refused", async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.statusCode = asked < 3 ? 503 : 200;
    response.end(asked < 3 ? "not ready" : "there it is");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const said = async (ask: Partial<Ask>) => {
    const ASK = JSON.stringify({ url, method: "GET", headers: {}, seconds: 20, until: "there", ...ask });
    const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", PROGRAM], { env: { ASK } });
    return JSON.parse(stdout) as Said;
  };
  try {
    assert.deepEqual(await said({}), { status: 200, text: "there it is" });
    assert.equal(asked, 3);
    assert.deepEqual(await said({ seconds: 0, until: "elsewhere" }), { status: 200, text: "there it is" });
  } finally {
    server.close();
  }
  assert.deepEqual(await said({ seconds: 0 }), { error: "ECONNREFUSED" });
});
