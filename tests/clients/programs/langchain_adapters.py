"""langchain-mcp-adapters: the tools as LangChain tools."""

import asyncio
import json
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

SAID = 'Zürich ☂ "quoted"\nsecond line'


async def main(server):
    transport = "streamable_http" if "url" in server else "stdio"
    client = MultiServerMCPClient({"recollect": {"transport": transport, **server}})
    async with client.session("recollect") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}

        async def call(name, **arguments):
            blocks = await tools[name].ainvoke(arguments)
            return "".join(block["text"] for block in blocks)

        created = await call("create_conversation", title="From LangChain")
        if not created.startswith("{"):
            raise RuntimeError(created)  # LangChain gives the text of a failed call like any other
        conversation = json.loads(created)["conversation_id"]
        await call("append_message", conversation_id=conversation, role="user", content=SAID)
        loaded = await call("load_context", conversation_id=conversation)
    print(json.dumps({"tools": sorted(tools), "conversation_id": conversation, "loaded": loaded}))


asyncio.run(main(json.loads(sys.argv[1])))
