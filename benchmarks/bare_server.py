"""The least that an MCP server over stdio can be: the SDK's, with tools that do nothing."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool()
async def nothing() -> str:
    """Do nothing."""
    return ""


@server.tool(structured_output=False)
async def text(characters: int) -> str:
    """Do nothing but give a text."""
    return ("0123456789 abcdefghijklmnopqrstuvwxyz €\n" * (characters // 40 + 1))[:characters]


if __name__ == "__main__":
    server.run("stdio")
