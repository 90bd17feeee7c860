"""OpenAI's Agents SDK: an agent whose model and tools are the gateway's."""

import asyncio
import os

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStreamableHttp
from openai import AsyncOpenAI

gateway, key = os.environ["GATEWAY"], os.environ["LITELLM_KEY"]
set_tracing_disabled(True)  # Traces would be sent to OpenAI.


async def main() -> None:
    server = MCPServerStreamableHttp(
        params={
            "url": os.environ["MCP_URL"],
            "headers": {"Authorization": f"Bearer {key}"},
            "timeout": 120,
        },
        client_session_timeout_seconds=120,
    )
    async with server:
        print("tools:", *(tool.name for tool in await server.list_tools()))
        client = AsyncOpenAI(base_url=f"{gateway}/v1", api_key=key)
        agent = Agent(
            name="Assistant",
            model=OpenAIChatCompletionsModel(model=os.environ["MODEL"], openai_client=client),
            mcp_servers=[server],
        )
        result = await Runner.run(agent, "What time is it in Tokyo?")
        for item in result.new_items:
            if item.type == "tool_call_output_item":
                print("tool:", item.output)
        print("model:", result.final_output)


asyncio.run(main())
