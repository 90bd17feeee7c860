"""Lists and calls with FastMCP, many calls at once in one session.

fast_mcp.py sse|http URL TOKEN
"""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

kind, url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}


async def main() -> None:
    transport = (
        SSETransport(f"{url}/sse", headers=headers)
        if kind == "sse"
        else StreamableHttpTransport(f"{url}/mcp", headers=headers)
    )
    async with Client(transport) as client:

        async def echo(at: int) -> bool:
            message = f"{kind} {at} ✓"
            result = await client.call_tool("echo", {"message": message})
            return bool(result.content[0].text == f"Echo: {message}")

        listed = await client.list_tools()
        right = await asyncio.gather(*(echo(at) for at in range(20)))
        withheld = await client.call_tool("get-env", {}, raise_on_error=False)
        said = {
            "tools": sorted(tool.name for tool in listed),
            "right": sum(right),
            "withheld": "refused" if withheld.is_error else "answered",
        }
        print(json.dumps(said))


asyncio.run(main())
