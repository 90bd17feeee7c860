"""FastMCP's client: lists the gateway's tools and calls one."""

import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

headers = {"Authorization": f"Bearer {os.environ['LITELLM_KEY']}"}


async def main() -> None:
    async with Client(StreamableHttpTransport(os.environ["MCP_URL"], headers=headers)) as client:
        print("tools:", *(tool.name for tool in await client.list_tools()))
        result = await client.call_tool("time-get_current_time", {"timezone": "Asia/Tokyo"})
        print("time-get_current_time:", result.content[0].text)


asyncio.run(main())
