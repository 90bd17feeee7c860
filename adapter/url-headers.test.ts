import assert from "node:assert/strict";
import { test } from "node:test";
import { readUrlHeaders } from "./url-headers.ts";

test("a bearer token, an API key and a basic login are headers", () => {
  assert.deepEqual(readUrlHeaders('{"Authorization":"Bearer abc","X-API-Key":"k k"}'), {
    authorization: "Bearer abc",
    "x-api-key": "k k",
  });
  assert.deepEqual(readUrlHeaders("{}"), {});
});

const secret = "s3cret-of-somebody";
for (const wrong of [
  secret,
  `"${secret}"`,
  `["${secret}"]`,
  `{"authorization":"${secret}`,
  `{"${secret} x":"a"}`,
  `{"":"${secret}"}`,
  `{"a":5}`,
  `{"a":["${secret}"]}`,
  `{"a":""}`,
  `{"a":" ${secret}"}`,
  `{"a":"${secret}\\r\\nx: y"}`,
  `{"a":"${secret}\\u0000"}`,
  `{"a":"${secret}é"}`,
  `{"a":"${secret.repeat(1_000)}"}`,
  `{"x-a":"${secret}","X-A":"b"}`,
  `{"__proto__":"${secret}"}`,
  ...[
    ...["Host", "connection", "Transfer-Encoding", "content-length", "accept", "accept-encoding", "te", "upgrade"],
    ...[
      "mcp-session-id",
      "Mcp-Protocol-Version",
      `mcp-${secret}`,
      "last-event-id",
      "content-type",
      "proxy-authorization",
    ],
  ].map((name) => `{"${name}":"${secret}"}`),
  JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`x-${at}`, secret]))),
])
  test(`${wrong.slice(0, 60)} is refused, and not shown`, () =>
    assert.throws(
      () => readUrlHeaders(wrong),
      ({ message }: Error) => !message.includes(secret),
    ));
