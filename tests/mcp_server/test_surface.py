"""What clients see of the server before they call anything. It changes only on purpose."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool

from calibration.o200k import o200k
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import History

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "RECOLLECT_TEST_UPDATE_SNAPSHOTS"

NAMES = [
    "create_conversation",
    "open_turn",
    "append_messages",
    "append_message",
    "load_context",
    "save_summary",
    "list_conversations",
    "search_messages",
    "list_messages",
    "read_message",
    "update_conversation",
    "fork_conversation",
    "export_conversation",
    "delete_conversation",
]


class NoBackend:
    """The surface is known without a store."""

    async def history(self, user_id: str) -> History:
        raise AssertionError("listing needs no store")

    def warm(self) -> None:
        pass


@pytest.fixture
async def surface() -> AsyncGenerator[Client]:
    async with Client(create_server(NoBackend(), identity=lambda: "alice")) as client:
        yield client


async def listed(client: Client) -> list[Tool]:
    return (await client.list_tools()).tools


def as_sent(tool: Tool) -> dict[str, Any]:
    return tool.model_dump(mode="json", by_alias=True, exclude_none=True)


async def test_the_tools_are_these_in_this_order(surface: Client) -> None:
    assert [tool.name for tool in await listed(surface)] == NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_a_tool_s_definition_is_the_one_in_its_snapshot(name: str, surface: Client) -> None:
    (tool,) = [tool for tool in await listed(surface) if tool.name == name]
    definition = json.dumps(as_sent(tool), indent=2, ensure_ascii=False) + "\n"
    snapshot = SNAPSHOTS / f"{name}.json"
    if os.environ.get(UPDATE):
        snapshot.write_text(definition, encoding="utf-8")
    assert definition == snapshot.read_text(encoding="utf-8"), f"changed on purpose? Set {UPDATE}=1 and rerun"


async def test_no_snapshot_is_left_over() -> None:
    assert sorted(path.stem for path in SNAPSHOTS.iterdir()) == sorted(NAMES)


async def test_all_definitions_together_stay_within_the_token_budget(surface: Client) -> None:
    sent = json.dumps(
        [as_sent(tool) for tool in await listed(surface)], separators=(",", ":"), ensure_ascii=False
    )
    # All fourteen are there: this is the limit.
    assert o200k()(sent) <= 3_500


async def test_every_tool_says_what_it_does_to_the_data(surface: Client) -> None:
    for tool in await listed(surface):
        assert tool.annotations is not None, tool.name
        hints = tool.annotations
        assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint), tool.name
        assert hints.open_world_hint is False, tool.name
    readers = {
        tool.name for tool in await listed(surface) if tool.annotations and tool.annotations.read_only_hint
    }
    assert readers == {
        "load_context",
        "list_conversations",
        "list_messages",
        "read_message",
        "search_messages",
        "export_conversation",
    }
    destroyers = [
        tool.name for tool in await listed(surface) if tool.annotations and tool.annotations.destructive_hint
    ]
    assert destroyers == ["delete_conversation"]


async def test_every_tool_and_every_argument_is_described(surface: Client) -> None:
    self_evident = {"role", "pinned"}
    for tool in await listed(surface):
        assert tool.description is not None
        assert 60 < len(tool.description) < 2_000, tool.name
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description") or name in self_evident, f"{tool.name}.{name}"


async def test_schemas_are_closed_and_carry_no_noise(surface: Client) -> None:
    for tool in await listed(surface):
        assert tool.input_schema["additionalProperties"] is False
        assert '"title":' not in json.dumps(tool.input_schema).replace('"title": {', "")
        assert "null" not in json.dumps(tool.input_schema), tool.name
        assert tool.output_schema is None


async def test_no_argument_of_a_tool_stands_in_a_header(surface: Client) -> None:
    """The server does not compare headers with the arguments of these tools."""
    for tool in await listed(surface):
        assert "x-mcp-header" not in json.dumps(tool.input_schema), tool.name


async def test_no_tool_takes_a_user(surface: Client) -> None:
    for tool in await listed(surface):
        assert not [name for name in tool.input_schema["properties"] if "user" in name], tool.name


async def test_the_instructions_teach_the_stateless_turn_and_are_not_cut(surface: Client) -> None:
    instructions = surface.instructions
    assert instructions is not None
    assert len(instructions) < 2_000
    steps = ["open_turn", "append_messages", "expected_head", "load_context", "save_summary"]
    places = [instructions.index(step) for step in steps]
    assert places == sorted(places)


async def test_answers_for_all_may_be_cached_and_those_of_one_user_may_not(surface: Client) -> None:
    tools = await surface.list_tools()
    assert (tools.ttl_ms, tools.cache_scope) == (3_600_000, "public")
    templates = await surface.list_resource_templates()
    assert (templates.ttl_ms, templates.cache_scope) == (3_600_000, "public")
