"""pydantic-ai: MCPToolset, which shows its model the structured half of a result where there is one."""

import asyncio
import json
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset

SAID = 'Zürich ☂ "quoted"\nsecond line'


async def main(server):
    where = server["url"] if "url" in server else StdioTransport(**server)
    async with MCPToolset(where, tool_error_behavior="error", init_timeout=60) as toolset:
        tools = [tool.name for tool in await toolset.list_tools()]
        created = await toolset.direct_call_tool("create_conversation", {"title": "From pydantic-ai"})
        conversation = created["conversation_id"]
        message = {"conversation_id": conversation, "role": "user", "content": SAID}
        await toolset.direct_call_tool("append_message", message)
        loaded = await toolset.direct_call_tool("load_context", {"conversation_id": conversation})
    print(json.dumps({"tools": tools, "conversation_id": conversation, "loaded": loaded}))


asyncio.run(main(json.loads(sys.argv[1])))
