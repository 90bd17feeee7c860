// Vercel's AI SDK: lists the gateway's tools and calls one.
import { createMCPClient } from "@ai-sdk/mcp";

const client = await createMCPClient({
  transport: {
    type: "http",
    url: process.env.MCP_URL,
    headers: { Authorization: `Bearer ${process.env.LITELLM_KEY}` },
  },
});
const tools = await client.tools();
console.log("tools:", ...Object.keys(tools));
const time = await tools["time-get_current_time"].execute(
  { timezone: "Asia/Tokyo" },
  { toolCallId: "1", messages: [] },
);
console.log("time-get_current_time:", time.content[0].text);
await client.close();
