"""Lists and calls with the newest official Python SDK, many calls at once in one session.

mcp_2.py sse|http URL TOKEN
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from mcp import Client

kind, url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}


async def main() -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
        transport = (
            sse_client(f"{url}/sse", headers=headers)
            if kind == "sse"
            else streamable_http_client(f"{url}/mcp", http_client=http)
        )
        client = await stack.enter_async_context(Client(transport))

        async def echo(at: int) -> bool:
            message = f"{kind} {at} ✓"
            result = await client.call_tool("echo", {"message": message})
            return bool(result.content[0].text == f"Echo: {message}")

        listed = await client.list_tools()
        right = await asyncio.gather(*(echo(at) for at in range(20)))
        withheld = await client.call_tool("get-env", {})
        said = {
            "tools": sorted(tool.name for tool in listed.tools),
            "right": sum(right),
            "withheld": "refused" if withheld.is_error else "answered",
        }
        print(json.dumps(said))


asyncio.run(main())
