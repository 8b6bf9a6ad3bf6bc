"""What is appended comes back equal through MCP: in this process, and over the pipes of a real one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from recollect.history.store import Recollect
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import OpenBackend
from recollect.models.message import NewMessage
from tests.exact.content import (
    EXAMPLES,
    as_json,
    batches,
    deep,
    every_code_point,
    read_json,
    storable,
    written,
)


@pytest.fixture(scope="module", params=["in this process", "over pipes"])
async def client(
    request: pytest.FixtureRequest, shared_url: str, shared_store: Recollect
) -> AsyncGenerator[Client]:
    if request.param == "in this process":
        server: Any = create_server(OpenBackend(shared_store), identity=lambda: "alice")
    else:
        server = stdio_client(
            StdioServerParameters(
                command=sys.executable,
                args=["-m", "recollect"],
                env={"RECOLLECT_DATABASE_URL": shared_url, "RECOLLECT_CONFIG": os.devnull},
            )
        )
    async with Client(server) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    (block,) = result.content
    assert isinstance(block, TextContent)
    assert not result.is_error, block.text[:500]
    return block.text


async def new_conversation(client: Client) -> str:
    return json.loads(await call(client, "create_conversation"))["conversation_id"]


async def read_message(client: Client, id: str, seq: int, limit: int = 300_000) -> dict[str, Any]:
    """A whole message, joined from its slices if it is long."""
    joined, offset = "", 0
    while True:
        text = await call(
            client, "read_message", conversation_id=id, seq=seq, offset=offset, limit=limit, format="json"
        )
        answer = json.loads(text)
        if "slice" not in answer:
            return answer
        joined += answer["slice"]
        if "next_offset" not in answer:
            return json.loads(joined)
        offset = answer["next_offset"]


async def everything(client: Client, id: str) -> list[str]:
    """All messages as JSON, page by page; those that no page can hold, one by one."""
    found: list[str] = []
    while True:
        page = json.loads(
            await call(
                client, "list_messages", conversation_id=id, after=len(found), limit=200, format="json"
            )
        )
        for message in page["messages"]:
            if "left_out" in message:
                message = await read_message(client, id, message["seq"])
            found.append(read_json(message))
        if not page["more_after"]:
            return found


@settings(EXAMPLES, max_examples=5)
@given(batch=batches)
async def test_messages_come_back_equal(client: Client, batch: list[NewMessage]) -> None:
    id = await new_conversation(client)
    # A string of JSON carries everything; JSON itself, what the client's own encoder accepts.
    in_a_string = json.dumps([as_json(message) for message in batch])
    plain = [message for message in batch if storable(message)]
    await call(client, "append_messages", conversation_id=id, messages=in_a_string)
    elements = [json.dumps(as_json(message)) for message in batch]
    await call(client, "append_messages", conversation_id=id, messages=elements, key="k")
    expected = [written(message) for message in batch] * 2
    if plain:
        messages = [as_json(message) for message in plain]
        await call(client, "append_messages", conversation_id=id, messages=messages)
    for message in plain[:5]:
        fields = as_json(message)
        fields.pop("token_count", None)
        await call(client, "append_message", conversation_id=id, **fields)
    expected += [written(message) for message in [*plain, *plain[:5]]]
    assert await everything(client, id) == expected
    last = len(expected)
    assert read_json(await read_message(client, id, last, limit=97)) == expected[-1]


async def test_every_code_point_comes_back(client: Client) -> None:
    id = await new_conversation(client)
    messages = every_code_point()
    half = len(messages) // 2
    for some in (messages[:half], messages[half:]):
        await call(
            client,
            "append_messages",
            conversation_id=id,
            messages=json.dumps([as_json(message) for message in some]),
        )
    assert await everything(client, id) == [written(message) for message in messages]


async def test_json_may_be_nested_to_the_limit(client: Client) -> None:
    id = await new_conversation(client)
    # The list of parts is the first level, a part the second.
    message = NewMessage("user", [{"type": "image", "data": deep(98)}], metadata={"in": deep(99)})
    await call(client, "append_messages", conversation_id=id, messages=[as_json(message)])
    await call(client, "append_message", conversation_id=id, **as_json(message))
    await call(client, "append_messages", conversation_id=id, messages=json.dumps([as_json(message)]))
    assert await everything(client, id) == [written(message)] * 3
    for levels in (99, 150):
        too_deep = {"role": "user", "content": [{"type": "image", "data": deep(levels)}]}
        for messages in ([too_deep], json.dumps([too_deep])):
            result = await client.call_tool("append_messages", {"conversation_id": id, "messages": messages})
            (block,) = result.content
            assert isinstance(block, TextContent)
            assert result.is_error
            assert "nested deeper than 100 levels" in block.text


async def test_a_message_of_ten_megabytes_comes_back_and_one_more_byte_is_refused(client: Client) -> None:
    id = await new_conversation(client)
    text = "0123456789" * 1_000_000
    await call(client, "append_message", conversation_id=id, role="user", content=text)
    assert (await read_message(client, id, 1))["content"] == text
    result = await client.call_tool(
        "append_message", {"conversation_id": id, "role": "user", "content": text + "x"}
    )
    (block,) = result.content
    assert isinstance(block, TextContent)
    assert result.is_error
    assert block.text == "content: is 10000001 bytes; the limit is 10000000. Split it or store a link"
