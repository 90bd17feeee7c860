"""The official Python SDK of MCP: lists the gateway's tools and calls one."""

import asyncio
import os

import httpx2
from mcp.client.streamable_http import streamable_http_client

from mcp import Client


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['LITELLM_KEY']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=120) as http:
        transport = streamable_http_client(os.environ["MCP_URL"], http_client=http)
        async with Client(transport) as client:
            listed = await client.list_tools()
            print("tools:", *(tool.name for tool in listed.tools))
            result = await client.call_tool("time-get_current_time", {"timezone": "Asia/Tokyo"})
            print("time-get_current_time:", result.content[0].text)


asyncio.run(main())
