"""The SDK's server over HTTP, with the tools of a turn that do nothing; uvicorn serves `app`."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool(structured_output=False)
async def open_turn(conversation_id: str, content: str, key: str) -> str:
    """Do nothing."""
    return ""


@server.tool(structured_output=False)
async def append_messages(
    conversation_id: str, messages: list[dict[str, Any]], expected_head: int, key: str
) -> str:
    """Do nothing."""
    return ""


app = server.streamable_http_app(stateless_http=True, json_response=True)
