import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { greetingOf } from "./alerts.ts";
import { identityOf, post } from "./post.ts";

const body = greetingOf("2026-11-22T10:00:00.000Z", { stack: "lan", url: "http://linuxserver.lan:4000" });
const heard: { path: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
let receiver: http.Server;
let base: string;
let isLeft = false;

/** Answers as long as somebody reads. */
function endless(response: http.ServerResponse): void {
  response.writeHead(500);
  response.once("close", () => (isLeft = true));
  const write = () => {
    while (!response.destroyed && response.write("no! ".repeat(10_000)));
    response.once("drain", write);
  };
  write();
}

before(async () => {
  receiver = http.createServer((request, response) => {
    void text(request).then((read) => {
      heard.push({ path: request.url!, headers: request.headers, body: read });
      if (request.url === "/moved") response.writeHead(307, { location: "/taken" }).end();
      else if (request.url === "/refused") response.writeHead(401).end("who are you?");
      else if (request.url === "/endless") endless(response);
      else response.end("thanks");
    });
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
after(() => receiver.close());

test("what is posted is JSON, with the header that the receiver asks for", async () => {
  assert.equal(await post({ url: `${base}/taken`, header: { name: "X-Gotify-Key", value: "g-1" } }, body), undefined);
  const { headers, body: read } = heard.at(-1)!;
  assert.deepEqual([headers["x-gotify-key"], headers["content-type"]], ["g-1", "application/json"]);
  assert.deepEqual(JSON.parse(read), body);
});

test("an answer that is no success is said, with what the receiver says", async () => {
  const url = `${base}/refused`;
  assert.equal(await post({ url, header: undefined }, body), `${url} answers HTTP 401: who are you?`);
});

test("a redirection is followed nowhere", async () => {
  const url = `${base}/moved`;
  assert.match((await post({ url, header: undefined }, body))!, /\/moved does not answer: .*redirect/);
  assert.equal(heard.at(-1)?.path, "/moved");
});

test("a receiver that is away is said", async () => {
  const url = "http://127.0.0.1:9/alerts";
  assert.match((await post({ url, header: undefined }, body))!, /127\.0\.0\.1:9\/alerts does not answer: /);
});

test("of an answer without an end the beginning is read", async () => {
  const url = `${base}/endless`;
  assert.equal(await post({ url, header: undefined }, body), `${url} answers HTTP 500: ${"no! ".repeat(50)}`);
  while (!isLeft) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("a receiver with another token is another address, and its identity does not tell the token", () => {
  const of = (value: string) => identityOf({ url: base, header: { name: "X-Gotify-Key", value } });
  assert.equal(of("g-1"), of("g-1"));
  assert.notEqual(of("g-1"), of("g-2"));
  assert.ok(!of("g-1").includes("g-1"));
  assert.equal(identityOf({ url: base, header: undefined }), base);
});
