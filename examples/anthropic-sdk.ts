// Anthropic's SDK for TypeScript: a model of the gateway, then a model that calls the gateway's tools.
// The tools come by MCP to this program, which calls them for the model: npm install @modelcontextprotocol/sdk
import Anthropic from "@anthropic-ai/sdk";
import { type MCPClientLike, mcpTools } from "@anthropic-ai/sdk/helpers/beta/mcp";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { GATEWAY, LITELLM_KEY, MODEL } = process.env as Record<string, string>;
const client = new Anthropic({ baseURL: GATEWAY!, apiKey: LITELLM_KEY! }); // http://linuxserver.lan:4000, without /v1
const asked = { model: MODEL!, max_tokens: 1024 };

const hello = await client.messages.create({ ...asked, messages: [{ role: "user", content: "Say hello." }] });
for (const part of hello.content) if (part.type === "text") console.log("model:", part.text);

const mcp = new Client({ name: "example", version: "1.0.0" });
const headers = { Authorization: `Bearer ${LITELLM_KEY}` };
await mcp.connect(new StreamableHTTPClientTransport(new URL(`${GATEWAY}/mcp/`), { requestInit: { headers } }));
const { tools } = await mcp.listTools();
const runner = client.beta.messages.toolRunner({
  ...asked,
  messages: [{ role: "user", content: "What time is it in Tokyo?" }],
  tools: mcpTools(tools, mcp as MCPClientLike), // Its type also has a form of results that is no longer used.
});
for await (const message of runner)
  for (const part of message.content) {
    if (part.type === "text") console.log("model:", part.text);
    if (part.type === "tool_use") console.log("model: calls", part.name);
  }
await mcp.close();
