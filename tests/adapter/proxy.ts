import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { TestContext } from "node:test";

/** What the client does not send by itself. */
export interface Added {
  readonly headers: Readonly<Record<string, string>>;
  /** Calls of tools and prompts get this in front of the name; names in answers lose it. */
  readonly prefix?: string;
}

/**
 * For clients that can send neither a key nor names with the server's in front. Answers pass line by line, as their
 * events come.
 *
 * @returns Its address, without a path.
 */
export async function behindProxy(t: TestContext, target: string, { headers, prefix = "" }: Added): Promise<string> {
  const { hostname, port } = new URL(target);
  const named = (body: string) => {
    if (!prefix || !body) return body;
    const asked = JSON.parse(body) as { method?: string; params?: { name?: string } };
    if (asked.method !== "tools/call" && asked.method !== "prompts/get") return body;
    return JSON.stringify({ ...asked, params: { ...asked.params, name: `${prefix}${asked.params?.name}` } });
  };
  const shortened = async function* (answered: IncomingMessage) {
    for await (const line of createInterface({ input: answered, crlfDelay: Infinity }))
      yield `${line.replaceAll(`"name":"${prefix}`, '"name":"')}\n`;
  };
  const proxy = createServer((asked, answer) => {
    const pass = async () => {
      const body = named(await text(asked));
      const sent = { ...asked.headers, ...headers, "content-length": Buffer.byteLength(body) };
      const onward = request({ hostname, port, path: asked.url, method: asked.method, headers: sent });
      answer.once("close", () => onward.destroy());
      onward.end(body);
      const [answered] = (await once(onward, "response")) as [IncomingMessage];
      const given = { ...answered.headers };
      // Names become shorter.
      delete given["content-length"];
      answer.writeHead(answered.statusCode!, given);
      answer.flushHeaders();
      await pipeline(answered, shortened, answer);
    };
    pass().catch(() => answer.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
