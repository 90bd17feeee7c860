"""Lists and calls with the client that LiteLLM 1.77.3 has, a session for each list and each call as LiteLLM does it.

mcp_1.py sse|http URL TOKEN
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client

from mcp import ClientSession

kind, url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}


async def session(use: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    connect = (
        sse_client(f"{url}/sse", headers=headers)
        if kind == "sse"
        else streamablehttp_client(f"{url}/mcp", headers=headers)
    )
    async with connect as (read, write, *_), ClientSession(read, write) as mcp:
        await mcp.initialize()
        return await use(mcp)


async def echo(at: int) -> bool:
    message = f"{kind} {at} ✓"
    result = await session(lambda mcp: mcp.call_tool("echo", {"message": message}))
    return bool(result.content[0].text == f"Echo: {message}")


async def main() -> None:
    listed = await session(lambda mcp: mcp.list_tools())
    right = await asyncio.gather(*(echo(at) for at in range(20)))
    withheld = await session(lambda mcp: mcp.call_tool("get-env", {}))
    said = {
        "tools": sorted(tool.name for tool in listed.tools),
        "right": sum(right),
        "withheld": "refused" if withheld.isError else "answered",
    }
    print(json.dumps(said))


asyncio.run(main())
