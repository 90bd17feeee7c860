// Lists and calls with Vercel's AI SDK: ai-sdk.mjs sse|http URL TOKEN, with @ai-sdk/mcp in the folder that AI_SDK_MCP names.
const { createMCPClient } = await import(String(process.env.AI_SDK_MCP));
const [kind, url, token] = process.argv.slice(2);
const client = await createMCPClient({
  transport: {
    type: kind,
    url: `${url}/${kind === "sse" ? "sse" : "mcp"}`,
    headers: { Authorization: `Bearer ${token}` },
  },
});
const tools = await client.tools();
/** @param {string} name @param {object} args */
const call = (name, args) => tools[name].execute(args, { toolCallId: "1", messages: [] });
let right = 0;
await Promise.all(
  Array.from({ length: 20 }, async (_, at) => {
    const message = `${kind} ${at} ✓`;
    const { content } = await call("echo", { message });
    right += Number(content[0].text === `Echo: ${message}`);
  }),
);
// It calls only what is listed.
const withheld = "get-env" in tools ? "answered" : "refused";
console.log(JSON.stringify({ tools: Object.keys(tools).sort(), right, withheld }));
await client.close();
