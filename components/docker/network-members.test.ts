import assert from "node:assert/strict";
import { test } from "node:test";
import type Docker from "dockerode";
import { networkMembers } from "./network-members.ts";

const on = (network: string, endpoint: Record<string, unknown>) => ({ Networks: { [network]: endpoint } });

const inspected: Record<string, object> = {
  pg: {
    Name: "/db-1",
    State: { Status: "running" },
    Config: { Labels: { a: "b" } },
    NetworkSettings: on("net", {
      IPAddress: "172.18.0.2",
      Aliases: ["postgres"],
      DNSNames: ["db-1", "postgres", "abc"],
    }),
  },
  old: {
    Name: "/old",
    State: { Status: "exited" },
    Config: { Labels: {} },
    NetworkSettings: on("net", { IPAddress: "", Aliases: null }),
  },
};
const daemon = {
  getContainer: (id: string) => ({
    inspect: async () => {
      if (id in inspected) return inspected[id];
      throw Object.assign(new Error("no such container"), { statusCode: id === "gone" ? 404 : 500 });
    },
  }),
} as unknown as Docker;
const listed = (Id: string, network = "net") =>
  ({ Id, NetworkSettings: on(network, {}) }) as unknown as Docker.ContainerInfo;

test("the containers on a network, with every name that leads to them", async () => {
  const containers = [listed("pg"), listed("old"), listed("gone"), listed("other", "other-net")];
  assert.deepEqual(await networkMembers(daemon, "net", containers), [
    { name: "db-1", names: ["db-1", "postgres", "abc"], state: "running", address: "172.18.0.2", labels: { a: "b" } },
    { name: "old", names: ["old"], state: "exited", address: "", labels: {} },
  ]);
});

test("a daemon that fails is not taken for an empty network", async () => {
  await assert.rejects(networkMembers(daemon, "net", [listed("broken")]));
});
