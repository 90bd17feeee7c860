import assert from "node:assert/strict";
import { test } from "node:test";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { showPage } from "./page.ts";
import { drawing } from "./picture.ts";
import type { ContainerStatus, NetworkStatus, ServerStatus, Status } from "./status.ts";

const container = (part: string, networks: string[], more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  ...{ name: part, part, state: "healthy", since: "2026-11-22T10:00:00Z", image: "x:1", restarts: 0, said: "" },
  ...{ memory: { bytes: 50 * 2 ** 20, limit: 256 * 2 ** 20 }, networks, ports: [] },
  ...more,
});
const network = (name: string, isInternal: boolean, members: string[]): NetworkStatus => ({
  ...{ name, isThere: true, isInternal, isOwn: true, members },
});
const figures = { calls: 3, errors: 1, refused: 2, p50: 18, p95: 250 };
const calls = { hour: figures, day: figures };
const server: ServerStatus = {
  ...{ name: "postgres", state: "up", tools: 9, approved: 10, withheld: 1, restarts: 0, calls },
};
const status: Status = {
  stack: "lan",
  gateway: { url: "http://192.168.1.10:4000", isUp: true, said: "" },
  isChecked: true,
  containers: [
    container("ingress", ["in-net", "lan-net"], { ports: ["192.168.1.10:4000"] }),
    container("litellm", ["in-net", "mcp-net", "lan-net"]),
    container("mcp-postgres-adapter", ["mcp-net", "own-net"]),
    container("mcp-postgres", ["own-net", "pg-net"]),
    container("postgres", ["pg-net"]),
    container("mcp-time", ["mcp-net"], { state: "exited", memory: null }),
  ],
  servers: [server, { ...server, name: "time", state: "no answer: it is stopped", tools: null, withheld: 0 }],
  clients: [{ name: "phone", rules: { postgres: { allow: null, deny: [] } }, calls, spend: null }],
  auditProblem: "",
  networks: [
    network("in-net", true, ["ingress", "litellm"]),
    network("mcp-net", true, ["litellm", "mcp-postgres-adapter", "somebody"]),
    network("own-net", true, ["mcp-postgres", "mcp-postgres-adapter"]),
    network("pg-net", true, ["mcp-postgres", "postgres"]),
    network("lan-net", false, ["ingress", "litellm"]),
  ],
  volumes: [],
  databases: { where: "postgres", databases: [{ name: "litellm_db", bytes: 9 * 2 ** 20 }], problem: "" },
  ...{ backup: null, scheduledCheck: null, secrets: [] },
  docker: { host: "unix:///var/run/docker.sock", version: "28.0.0" },
};

/** What is drawn of one thing. */
const labelOf = (drawn: string, id: string) =>
  drawn.split("\n").find((line) => line.startsWith(`"${id}" [`)) ?? assert.fail(`${id} is not drawn`);
const edges = (drawn: string) => drawn.split("\n").filter((line) => line.includes(" -> "));

test("each container is tied to the networks that Docker says, in the way a call goes", () => {
  const drawn = drawing(status);
  for (const line of [
    '"client phone" -> "container ingress" [style=bold];',
    '"container ingress" -> "network in-net";',
    '"network in-net" -> "container litellm";',
    '"network mcp-net" -> "container mcp-postgres-adapter";',
    '"container mcp-postgres-adapter" -> "network own-net";',
    '"network own-net" -> "container mcp-postgres";',
    '"network pg-net" -> "container postgres";',
    '"container litellm" -> "network lan-net";',
    '"network lan-net" -> "outside" [style=dashed];',
  ])
    assert.ok(edges(drawn).includes(line), line);
});

test("somebody else's container on a network is drawn, and one that does not run where it belongs", () => {
  const drawn = drawing(status);
  assert.match(labelOf(drawn, "container somebody"), /somebody else's|somebody else&#39;s/);
  assert.ok(edges(drawn).includes('"network mcp-net" -> "container somebody";'));
  assert.ok(edges(drawn).includes('"network mcp-net" -> "container mcp-time";'));
});

test("a server is told at the container that holds its tools back, in its colour", () => {
  const drawn = drawing(status);
  assert.match(
    labelOf(drawn, "container mcp-postgres-adapter"),
    /#b7791f.*9 tools, 1 withheld.*3 calls in the last hour/,
  );
  assert.match(labelOf(drawn, "container mcp-postgres"), /#2e7d4f(?!.*tools)/);
  assert.match(labelOf(drawn, "container mcp-time"), /#b3261e.*exited/);
  assert.match(labelOf(drawn, "container postgres"), /litellm_db, 9 MiB/);
});

test("a Postgres at an address is drawn outside of the host", () => {
  const elsewhere = {
    ...status,
    containers: status.containers.filter(({ part }) => part !== "postgres"),
    networks: status.networks.filter(({ name }) => name !== "pg-net"),
    databases: { where: "192.168.1.11:5432", databases: [], problem: "" },
  };
  assert.ok(edges(drawing(elsewhere)).includes('"outside" -> "postgres" [style=dashed];'));
});

test("a page needs nothing else, and what others have said is no markup in it", async () => {
  const evil = '<script>alert(1)</script>"&';
  const bad = {
    ...status,
    containers: [...status.containers, container("mcp-evil", [], { name: `e-${evil}`, state: evil })],
  };
  const page = await showPage(bad, [`container ${evil} is bad`], new Date("2026-11-22T10:00:00Z"));
  assert.match(page, /<svg role="img"[^]*<\/svg>/);
  assert.doesNotMatch(page, /<script/);
  assert.doesNotMatch(page.replaceAll(/xmlns(:xlink)?="[^"]*"/g, ""), /(src|href)=|url\(|@import/);
  assert.match(page, /<title>lan: 1 problem<\/title>/);
  assert.match(page, /&lt;script&gt;alert\(1\)/);
});

test("Graphviz draws a stack of forty servers", async () => {
  const servers = Array.from({ length: 40 }, (_, at) => container(`mcp-s${at}`, ["mcp-net"]));
  const big = {
    ...status,
    containers: [...status.containers, ...servers],
    networks: [network("mcp-net", true, ["litellm", ...servers.map(({ name }) => name)])],
  };
  const svg = (await Graphviz.load()).dot(drawing(big));
  assert.equal(svg.match(/mcp&#45;s\d+<\/text>/g)?.length, 40);
});
