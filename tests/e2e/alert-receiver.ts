import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { AlertPost } from "../../check/scheduled/alerts.ts";
import { bridgeAddress } from "./docker.ts";

/** Whoever is told by the scheduled check, on the host, and what it was told. */
export class AlertReceiver {
  /** Refuses everything. */
  isDeaf = false;
  readonly posted: AlertPost[] = [];
  readonly tokens: (string | undefined)[] = [];
  readonly #server = http.createServer((request, response) => {
    void text(request).then((body) => {
      if (this.isDeaf) return response.writeHead(503).end("not now");
      this.tokens.push(request.headers["x-gotify-key"] as string | undefined);
      this.posted.push(JSON.parse(body) as AlertPost);
      return response.end();
    });
  });

  /** @returns Where containers reach it. */
  async start(): Promise<string> {
    await once(this.#server.listen(0, await bridgeAddress()), "listening");
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  close(): void {
    this.#server.close();
  }

  /** What it was told of an alert, the first first. */
  all(alertname: string, wanted: "firing" | "resolved", server?: string) {
    return this.posted
      .flatMap(({ alerts }) => alerts)
      .filter(
        ({ status, labels }) => labels["alertname"] === alertname && status === wanted && labels["server"] === server,
      );
  }

  told(...[alertname, wanted, server]: Parameters<AlertReceiver["all"]>) {
    return this.all(alertname, wanted, server)[0];
  }
}
