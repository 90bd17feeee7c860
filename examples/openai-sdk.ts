// OpenAI's SDK for TypeScript: a model of the gateway, then a model that calls the gateway's tools.
import OpenAI from "openai";

const { GATEWAY, LITELLM_KEY, MODEL } = process.env as Record<string, string>;
const client = new OpenAI({
  baseURL: `${GATEWAY}/v1`, // http://linuxserver.lan:4000/v1
  apiKey: LITELLM_KEY!,
});
const model = MODEL!;

const chat = await client.chat.completions.create({ model, messages: [{ role: "user", content: "Say hello." }] });
console.log("model:", chat.choices[0]!.message.content);

// The gateway runs the tools that the model asks for, under the rights of this key.
const response = await client.responses.create({
  model,
  input: "What time is it in Tokyo?",
  tools: [
    {
      type: "mcp",
      server_label: "litellm",
      server_url: "litellm_proxy", // or litellm_proxy/mcp/time
      require_approval: "never",
    },
  ],
});
for (const item of response.output) if (item.type === "mcp_call") console.log("tool:", item.name, item.output);
console.log("model:", response.output_text);
