import { checkGateway } from "./check/check-gateway.ts";
import type { GatewayCheckInputs } from "./check/inputs.ts";

export async function create(inputs: GatewayCheckInputs) {
  return { id: "gateway-check", outs: { ...inputs, tools: await checkGateway(inputs) } };
}

export async function update(_id: string, _olds: GatewayCheckInputs, news: GatewayCheckInputs) {
  return { outs: { ...news, tools: await checkGateway(news) } };
}
