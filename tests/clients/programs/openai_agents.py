"""openai-agents: its own MCP servers classes, as an Agent uses them."""

import asyncio
import json
import sys

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

SAID = 'Zürich ☂ "quoted"\nsecond line'


async def main(server):
    kind = MCPServerStreamableHttp if "url" in server else MCPServerStdio
    async with kind(params=server, client_session_timeout_seconds=60) as connection:
        tools = [tool.name for tool in await connection.list_tools()]

        async def call(name, **arguments):
            result = await connection.call_tool(name, arguments)
            text = "".join(block.text for block in result.content)
            if result.model_dump(by_alias=True).get("isError"):
                raise RuntimeError(text)
            return text

        created = json.loads(await call("create_conversation", title="From openai-agents"))
        conversation = created["conversation_id"]
        await call("append_message", conversation_id=conversation, role="user", content=SAID)
        loaded = await call("load_context", conversation_id=conversation)
    print(json.dumps({"tools": tools, "conversation_id": conversation, "loaded": loaded}))


asyncio.run(main(json.loads(sys.argv[1])))
