"""The Python SDK's own client, in every protocol version that it speaks, over every transport."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CallToolResult,
    ClientCapabilities,
    Implementation,
    InitializedNotification,
    InitializeRequest,
    InitializeRequestParams,
    InitializeResult,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

SAID = 'Zürich ☂ "quoted"\nsecond line'
TRANSPORTS = ("stdio", "http", "sse")

Call = Callable[[str, dict[str, Any]], Awaitable[CallToolResult]]


@pytest.fixture
def transport(request: pytest.FixtureRequest, stdio: dict[str, Any]) -> Any:
    """A transport of the client, not yet connected."""
    if request.param == "stdio":
        return stdio_client(StdioServerParameters(**stdio))
    address: str = request.getfixturevalue("http")
    return (
        streamable_http_client(f"{address}/mcp") if request.param == "http" else sse_client(f"{address}/sse")
    )


@asynccontextmanager
async def speaking(version: str, transport: Any) -> AsyncGenerator[ClientSession]:
    """A session in an older version. The client only ever offers the newest, so the handshake is ours."""
    async with transport as (read, write), ClientSession(read, write) as session:
        params = InitializeRequestParams(
            protocol_version=version,
            capabilities=ClientCapabilities(),
            client_info=Implementation(name="tests", version="0"),
        )
        result = await session.send_request(InitializeRequest(params=params), InitializeResult)
        assert result.protocol_version == version
        session.adopt(result)
        await session.send_notification(InitializedNotification())
        yield session


async def converse(call: Call) -> None:
    """Create, append and load, and see that what was said comes back."""
    created = await call("create_conversation", {"title": "From the SDK"})
    conversation = json.loads(text(created))["conversation_id"]
    await call("append_message", {"conversation_id": conversation, "role": "user", "content": SAID})
    loaded = text(await call("load_context", {"conversation_id": conversation}))
    assert all(line in loaded for line in SAID.splitlines())


def text(result: CallToolResult) -> str:
    """The text of a result that is no error."""
    assert not result.is_error, result
    return "".join(block.text for block in result.content if block.type == "text")


@pytest.mark.parametrize("version", HANDSHAKE_PROTOCOL_VERSIONS)
@pytest.mark.parametrize("transport", TRANSPORTS, indirect=True)
async def test_a_client_of_an_older_version_is_served(version: str, transport: Any):
    async with speaking(version, transport) as session:
        assert len((await session.list_tools()).tools) >= 9
        await converse(session.call_tool)


# HTTP with SSE ends with the 2025 versions.
MODES = [
    (transport, mode)
    for transport in TRANSPORTS
    for mode in (*MODERN_PROTOCOL_VERSIONS, "auto", "legacy")
    if not (transport == "sse" and mode in MODERN_PROTOCOL_VERSIONS)
]


@pytest.mark.parametrize(("transport", "mode"), MODES, indirect=["transport"])
async def test_the_client_is_served_however_it_negotiates(transport: Any, mode: str):
    async with Client(transport, mode=mode) as client:
        assert len((await client.list_tools()).tools) >= 9
        await converse(client.call_tool)
