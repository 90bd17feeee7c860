"""Anthropic's SDK for Python: a model of the gateway, then a model that calls the gateway's tools.

The tools come by MCP to this program, which calls them for the model: pip install 'anthropic[mcp]'.
"""

import asyncio
import os

import httpx2
from anthropic import AsyncAnthropic
from anthropic.lib.tools.mcp import async_mcp_tool
from mcp.client.streamable_http import streamable_http_client

from mcp import ClientSession

gateway, key, model = os.environ["GATEWAY"], os.environ["LITELLM_KEY"], os.environ["MODEL"]


async def main() -> None:
    client = AsyncAnthropic(base_url=gateway, api_key=key)  # http://linuxserver.lan:4000, without /v1
    hello = await client.messages.create(
        model=model, max_tokens=1024, messages=[{"role": "user", "content": "Say hello."}]
    )
    print("model:", hello.content[0].text)

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=120) as http,
        streamable_http_client(f"{gateway}/mcp/", http_client=http) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        runner = client.beta.messages.tool_runner(
            model=model,
            max_tokens=1024,
            messages=[{"role": "user", "content": "What time is it in Tokyo?"}],
            tools=[async_mcp_tool(tool, session) for tool in tools],
        )
        async for message in runner:
            for part in message.content:
                print("model:", part.text if part.type == "text" else f"calls {part.name}")


asyncio.run(main())
