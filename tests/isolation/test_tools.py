"""Every tool, resource, prompt and completion as another user: finds nothing, changes nothing, says
what it says of what is not there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import OpenBackend
from tests.isolation.people import SECRET, Pair, Thing, rows_of, told

NOTHING = Thing("", "", "", {"project": ""})


@dataclass(frozen=True)
class ToolRow:
    """A call of a tool with all that one may know of somebody's conversation."""

    tool: str
    arguments: Callable[[Thing], dict[str, Any]]


TOOLS = (
    ToolRow("create_conversation", lambda its: {"conversation_id": its.id, "title": its.title}),
    ToolRow(
        "create_conversation",
        lambda its: {"conversation_id": its.id, "instructions": "x", "metadata": dict(its.metadata)},
    ),
    ToolRow("load_context", lambda its: {"conversation_id": its.id}),
    ToolRow("load_context", lambda its: {"conversation_id": its.id, "query": "secret said look"}),
    ToolRow("load_context", lambda its: {"conversation_id": its.id, "max_tokens": 100, "format": "openai"}),
    ToolRow("load_context", lambda its: {"conversation_id": its.id, "upto_seq": 1}),
    ToolRow(
        "load_context",
        lambda its: {"conversation_id": its.id, "receipt": "w1.e1.text.100.1-1.0.000000.0000000000000000"},
    ),
    ToolRow("open_turn", lambda its: {"conversation_id": its.id, "content": "x", "key": "its"}),
    ToolRow(
        "open_turn",
        lambda its: {
            "conversation_id": its.id,
            "content": "x",
            "key": its.key,
            "role": "assistant",
            "known_head": 1,
            "max_tokens": 100,
            "format": "openai",
            "query": "secret said look",
        },
    ),
    ToolRow("save_summary", lambda its: {"conversation_id": its.id, "upto_seq": 2, "content": "taken"}),
    ToolRow(
        "fork_conversation",
        lambda its: {"conversation_id": its.id, "at_seq": 2, "new_id": "copy", "title": "taken"},
    ),
    ToolRow("append_message", lambda its: {"conversation_id": its.id, "role": "user", "content": "x"}),
    ToolRow(
        "append_message",
        lambda its: {
            "conversation_id": its.id,
            "role": "user",
            "content": "x",
            "author": "x",
            "metadata": {},
            "key": its.key,
            "expected_head": 1,
            "on_conflict": "branch",
        },
    ),
    ToolRow(
        "append_message",
        lambda its: {"conversation_id": its.id, "role": "user", "content": "x", "after_seq": 1},
    ),
    ToolRow(
        "append_messages",
        lambda its: {"conversation_id": its.id, "messages": [{"role": "user", "content": "x"}]},
    ),
    ToolRow(
        "append_messages",
        lambda its: {
            "conversation_id": its.id,
            "messages": [{"role": "user", "content": "x"}] * 3,
            "key": its.key,
            "expected_head": 1,
            "on_conflict": "reject",
        },
    ),
    ToolRow(
        "append_messages",
        lambda its: {
            "conversation_id": its.id,
            "messages": [{"role": "user", "content": "x"}],
            "after_seq": 1,
            "format": "openai",
        },
    ),
    ToolRow("list_conversations", lambda its: {"title": its.title}),
    ToolRow("list_conversations", lambda its: {"metadata": dict(its.metadata), "pinned": False}),
    ToolRow("list_conversations", lambda its: {"title": its.title, "trash": True}),
    ToolRow("list_conversations", lambda its: {"title": its.title, "archived": True}),
    ToolRow("list_conversations", lambda its: {"cursor": its.cursor, "limit": 50}),
    ToolRow("search_messages", lambda its: {"query": "secret said", "conversation_id": its.id, "context": 1}),
    ToolRow(
        "search_messages",
        lambda its: {
            "query": "secret said",
            "exclude": its.id,
            "role": "user",
            "since": "2000-01-01",
            "until": "3000-01-01",
        },
    ),
    ToolRow("search_messages", lambda its: {"query": "secret", "limit": 1, "cursor": its.found}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id, "before": 3, "order": "desc"}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id, "after": 1, "detail": "full"}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id, "around": 2, "format": "json"}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id, "limit": 1}),
    ToolRow("list_messages", lambda its: {"conversation_id": its.id, "branches": True}),
    ToolRow("read_message", lambda its: {"conversation_id": its.id, "seq": 1, "offset": 1, "limit": 9}),
    ToolRow("read_message", lambda its: {"conversation_id": its.id, "seq": 99, "format": "json"}),
    ToolRow("export_conversation", lambda its: {"conversation_id": its.id}),
    ToolRow("export_conversation", lambda its: {"conversation_id": its.id, "format": "jsonl", "after": 1}),
    ToolRow("update_conversation", lambda its: {"conversation_id": its.id, "title": "taken"}),
    ToolRow("update_conversation", lambda its: {"conversation_id": its.id, "restore": True}),
    ToolRow("update_conversation", lambda its: {"conversation_id": its.id, "head": 1}),
    ToolRow(
        "update_conversation",
        lambda its: {
            "conversation_id": its.id,
            "instructions": "",
            "metadata": {"taken": True},
            "pinned": True,
            "archived": True,
        },
    ),
    ToolRow("delete_conversation", lambda its: {"conversation_id": its.id}),
    ToolRow(
        "delete_conversation",
        lambda its: {"conversation_id": its.id, "permanent": True, "confirm": its.title},
    ),
    ToolRow(
        "delete_conversation", lambda its: {"conversation_id": its.id, "permanent": True, "confirm": its.id}
    ),
)

THE_SAME_FOR_THE_OWNER = {"list_conversations(title, archived)"}
"""Calls that find nothing of anybody."""

READ_CURSOR = "resources/list(cursor)"

OTHERS: dict[str, Callable[[Client, Thing], Awaitable[object]]] = {
    "resources/list": lambda client, its: client.list_resources(),
    READ_CURSOR: lambda client, its: client.list_resources(cursor=its.cursor),
    "recollect://conversations": lambda client, its: client.read_resource("recollect://conversations"),
    "recollect://conversations/{id}{?before}": lambda client, its: client.read_resource(
        f"recollect://conversations/{quote(its.id, safe='')}"
    ),
    "recollect://conversations/{id}{?before} with before": lambda client, its: client.read_resource(
        f"recollect://conversations/{quote(its.id, safe='')}?before=3"
    ),
    "recollect://conversations/{id}/export": lambda client, its: client.read_resource(
        f"recollect://conversations/{quote(its.id, safe='')}/export"
    ),
    "resume_conversation": lambda client, its: client.get_prompt(
        "resume_conversation", {"conversation_id": its.id}
    ),
    "completion of resume_conversation": lambda client, its: client.complete(
        PromptReference(type="ref/prompt", name="resume_conversation"),
        {"name": "conversation_id", "value": its.id[:4]},
    ),
    "completion by title of recollect://conversations/{id}{?before}": lambda client, its: client.complete(
        ResourceTemplateReference(type="ref/resource", uri="recollect://conversations/{id}{?before}"),
        {"name": "id", "value": its.title},
    ),
}
"""Whatever else a client can ask; the name of each begins or ends with what it asks."""


KINDS = {"tools", "resources", "prompts", "completions"}
"""What a client can ask for at all; of each there are rows above."""


def name_of(row: ToolRow) -> str:
    arguments = (name for name in row.arguments(NOTHING) if name != "conversation_id")
    return f"{row.tool}({', '.join(arguments)})"


@asynccontextmanager
async def client_of(store: Recollect, history: History) -> AsyncGenerator[Client]:
    server = create_server(OpenBackend(store), identity=lambda: history.user_id)
    async with Client(server) as client:
        yield client


@pytest.fixture(params=TOOLS, ids=name_of)
def row(request: pytest.FixtureRequest) -> ToolRow:
    return request.param


@pytest.fixture
async def bob(shared_store: Recollect, pair: Pair) -> AsyncGenerator[Client]:
    async with client_of(shared_store, pair.bob) as client:
        yield client


@pytest.fixture
async def alice(shared_store: Recollect, pair: Pair) -> AsyncGenerator[Client]:
    async with client_of(shared_store, pair.alice) as client:
        yield client


async def call(client: Client, row: ToolRow, thing: Thing) -> str:
    result = await client.call_tool(row.tool, row.arguments(thing))
    return told((result.is_error, result.content, result.structured_content), thing)


async def ask(client: Client, name: str, thing: Thing) -> str:
    try:
        answer: object = await OTHERS[name](client, thing)
    except MCPError as error:
        answer = ("error", error.error)
    return told(answer, thing)


async def test_every_tool_and_every_argument_of_it_stands_in_the_matrix(bob: Client) -> None:
    tried: dict[str, set[str]] = {}
    for row in TOOLS:
        tried.setdefault(row.tool, set()).update(row.arguments(NOTHING))
    # A conversation that begins with a turn has a title, and is one's own: test_verbs.py has it.
    tried["open_turn"] |= {"title", "instructions"}
    listed = (await bob.list_tools()).tools
    assert tried == {tool.name: set(tool.input_schema["properties"]) for tool in listed}


async def test_every_resource_template_and_prompt_stands_in_the_matrix(
    shared_store: Recollect, bob: Client
) -> None:
    # Of somebody without conversations, so that only what the server itself has is listed.
    async with client_of(shared_store, shared_store.for_user("nobody")) as nobody:
        offered = {resource.uri for resource in (await nobody.list_resources()).resources}
    offered |= {
        template.uri_template for template in (await bob.list_resource_templates()).resource_templates
    }
    offered |= {prompt.name for prompt in (await bob.list_prompts()).prompts}
    assert offered <= set(OTHERS)
    assert set(bob.server_capabilities.model_dump(exclude_none=True)) == KINDS


async def test_another_user_s_conversation_is_one_that_does_not_exist(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, bob: Client, row: ToolRow
) -> None:
    before = await rows_of(admin, pair.alice.user_id)
    foreign = await call(bob, row, pair.hers)
    assert await rows_of(admin, pair.alice.user_id) == before
    assert SECRET not in foreign
    assert foreign == await call(bob, row, pair.nobodys)


async def test_a_tool_gives_its_owner_another_answer(pair: Pair, alice: Client, row: ToolRow) -> None:
    """Without this, a matrix of calls that always fail would pass."""
    hers, nobodys = await call(alice, row, pair.hers), await call(alice, row, pair.nobodys)
    assert (hers == nobodys) is (name_of(row) in THE_SAME_FOR_THE_OWNER)


@pytest.mark.parametrize("name", OTHERS)
async def test_whatever_else_is_asked_shows_nothing_of_another_user(
    admin: asyncpg.Connection[asyncpg.Record], pair: Pair, bob: Client, name: str
) -> None:
    before = await rows_of(admin, pair.alice.user_id)
    foreign = await ask(bob, name, pair.hers)
    assert await rows_of(admin, pair.alice.user_id) == before
    assert SECRET not in foreign
    assert "her-other-one" not in foreign
    assert foreign == await ask(bob, name, pair.nobodys)


@pytest.mark.parametrize("name", OTHERS)
async def test_whatever_else_is_asked_shows_its_owner_something(
    pair: Pair, alice: Client, bob: Client, name: str
) -> None:
    assert await ask(alice, name, pair.hers) != await ask(bob, name, pair.hers)


async def test_one_server_serves_each_caller_as_himself(shared_store: Recollect, pair: Pair) -> None:
    caller = pair.alice
    server = create_server(OpenBackend(shared_store), identity=lambda: caller.user_id)
    async with Client(server) as client:
        for caller in (pair.alice, pair.bob, pair.alice, pair.bob):
            result = await client.call_tool("load_context", {"conversation_id": pair.hers.id})
            assert result.is_error is (caller is pair.bob)
