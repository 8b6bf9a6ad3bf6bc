"""A server in this process over the test's own database, and real processes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from recollect.history.store import Recollect
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import OpenBackend
from tests.mcp_server.processes import StdioProcess


class Call(Protocol):
    """Calls a tool as alice and gives the text of the answer; fails the test if it is an error."""

    def __call__(self, tool: str, /, **arguments: Any) -> Awaitable[str]: ...


def text_of(result: CallToolResult) -> str:
    """The one text block that every answer consists of."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@asynccontextmanager
async def connected(store: Recollect, user: str = "alice") -> AsyncGenerator[Client]:
    async with Client(create_server(OpenBackend(store), identity=lambda: user)) as client:
        yield client


@pytest.fixture
async def client(store: Recollect) -> AsyncGenerator[Client]:
    """Alice's client."""
    async with connected(store) as client:
        yield client


@pytest.fixture
def call(client: Client) -> Call:
    async def call(tool: str, /, **arguments: Any) -> str:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return text_of(result)

    return call


@pytest.fixture
def refused(client: Client) -> Call:
    """Calls a tool and gives the text of the error; fails the test if there is none."""

    async def call(tool: str, /, **arguments: Any) -> str:
        result = await client.call_tool(tool, arguments)
        assert result.is_error, text_of(result)
        assert result.structured_content is None
        return text_of(result)

    return call


@pytest.fixture
async def conversation(call: Call) -> str:
    """The id of an empty conversation."""
    await call("create_conversation", conversation_id="talk", title="A talk")
    return "talk"


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Generator[Callable[..., StdioProcess]]:
    """Starts `recollect` on the test's database; every process is gone at the end."""
    started: list[StdioProcess] = []

    def start(**environment: str) -> StdioProcess:
        log = tmp_path / f"log-{len(started)}"
        started.append(StdioProcess({"RECOLLECT_DATABASE_URL": database_url} | environment, log))
        return started[-1]

    yield start
    for process in started:
        process.discard()
