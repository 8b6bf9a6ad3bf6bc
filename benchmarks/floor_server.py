"""The least that a store over MCP can be: the SDK's server, over stdio or HTTP, with tools that run one
statement each on the tables of `benchmarks.baseline`. No users, no keys, no branches, no search.

FLOOR_URL names the database. uvicorn serves `app`.
"""

from __future__ import annotations

import os

import asyncpg
from mcp.server import MCPServer

from benchmarks.baseline import APPEND, MESSAGE_TOKENS, SELECT

CONTEXT_ROWS = 60
"""Messages of 110 tokens that 8,000 tokens hold, each with a line in front."""


class Store:
    """The connections, which the first call opens and the end of the process closes."""

    pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        if self.pool is None:
            self.pool = await asyncpg.create_pool(os.environ["FLOOR_URL"], min_size=1, max_size=10)
        return await self.pool.fetch(query, *args)


store = Store()


server = MCPServer("floor")


@server.tool(structured_output=False)
async def append_message(conversation_id: str, role: str, content: str) -> str:
    """Append a message."""
    return f'{{"seq":{await _append(conversation_id, role, content)}}}'


@server.tool(structured_output=False)
async def list_messages(conversation_id: str, limit: int = 50) -> str:
    """The last messages."""
    return await _last(conversation_id, limit)


@server.tool(structured_output=False)
async def load_context(conversation_id: str) -> str:
    """As many of the last messages as 8,000 tokens hold."""
    return await _last(conversation_id, CONTEXT_ROWS)


@server.tool(structured_output=False)
async def open_turn(conversation_id: str, content: str, key: str) -> str:
    """Append a user's message, and load the context."""
    await _append(conversation_id, "user", content)
    return await _last(conversation_id, CONTEXT_ROWS)


async def _append(conversation_id: str, role: str, content: str) -> int:
    (row,) = await store.fetch(
        APPEND, conversation_id, role, None, content, None, MESSAGE_TOKENS, None, None, None
    )
    return row["seq"]


async def _last(conversation_id: str, count: int) -> str:
    rows = await store.fetch(SELECT, conversation_id, count)
    return "\n".join([f"[#{row['seq']} {row['role']}]\n{row['text']}" for row in reversed(rows)])


app = server.streamable_http_app(stateless_http=True, json_response=True)

if __name__ == "__main__":
    server.run("stdio")
