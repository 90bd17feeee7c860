import type { ContainerHealthInputs } from "./container-health.ts";
import { waitForHealth } from "./wait-for-health.ts";

export async function create(inputs: ContainerHealthInputs) {
  await waitForHealth(inputs);
  return { id: inputs.container, outs: inputs };
}

export async function update(_id: string, _olds: ContainerHealthInputs, news: ContainerHealthInputs) {
  await waitForHealth(news);
  return { outs: news };
}
