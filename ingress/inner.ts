import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";
import type { Gate } from "./gate.ts";
import type { Metrics } from "./metrics.ts";

/**
 * The inner side, at the address of the network that only LiteLLM and Prometheus share: metrics, and the routes by which LiteLLM's
 * launcher (`components/gateway/litellm_launcher.py`) asks for a pause in which it can restart LiteLLM.
 */
export function createInner(gate: Gate, metrics: Metrics): FastifyInstance {
  const app = Fastify({ bodyLimit: 4_096, exposeHeadRoutes: false });
  app.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get("/health", () => ({ ingress: "ok" }));
  const hold = z.strictObject({ reason: z.enum(["stopping", "memory"]), force: z.boolean() });
  app.post("/litellm/hold", async (request, reply) => {
    const asked = hold.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: asked.error.issues[0]?.message });
    const running = await gate.hold(asked.data.force);
    // From the second number the launcher sees that spend rows are written by now, and need not wait for them.
    return running === undefined
      ? reply.code(409).send({ running: gate.running })
      : { running, quietSeconds: gate.quietSeconds };
  });
  app.post("/litellm/release", async () => {
    await gate.release();
    return {};
  });
  return app;
}
