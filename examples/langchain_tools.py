"""LangChain's MCP adapters: the gateway's tools as LangChain's tools, and a call of one."""

import asyncio
import os

from langchain_mcp_adapters.client import MultiServerMCPClient

client = MultiServerMCPClient(
    {
        "litellm": {
            "transport": "streamable_http",
            "url": os.environ["MCP_URL"],
            "headers": {"Authorization": f"Bearer {os.environ['LITELLM_KEY']}"},
        }
    }
)


async def main() -> None:
    tools = {tool.name: tool for tool in await client.get_tools()}
    print("tools:", *tools)
    print("time-get_current_time:", await tools["time-get_current_time"].ainvoke({"timezone": "Asia/Tokyo"}))


asyncio.run(main())
