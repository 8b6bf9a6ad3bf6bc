"""Tool calls over stdio, by the SDK's own client, against the SDK's server with an empty tool."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from benchmarks.report import Row
from benchmarks.rounds import Extent, Timing, take_turns
from benchmarks.servers import BARE, RECOLLECT, environment
from benchmarks.storage import TEXT, fill
from recollect.history.history import History

CONVERSATION = 1_000
CALL_BOUND = 1.5
TURN_BOUND = 1.6

_KEYS = count()

LARGE_ANSWERS = ("load_context", "list_messages")
"""Calls whose answers are large: what does it cost to carry as much text alone?"""


async def measure_tool_calls(history: History, home: Path, extent: Extent) -> list[Row]:
    """Each tool's call; `history` is that of the user whom the stdio server serves."""
    read, written = await fill(history, CONVERSATION), await fill(history, CONVERSATION)
    opened, opened_small = await fill(history, CONVERSATION), await fill(history, CONVERSATION)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "append_message": ("append_message", {"conversation_id": written, "role": "user", "content": TEXT}),
        "load_context": ("load_context", {"conversation_id": read}),
        "load_context of 1,000 tokens": ("load_context", {"conversation_id": read, "max_tokens": 1_000}),
        "open_turn": ("open_turn", {"conversation_id": opened, "content": TEXT}),
        "open_turn of 1,000 tokens": (
            "open_turn",
            {"conversation_id": opened_small, "content": TEXT, "max_tokens": 1_000},
        ),
        "list_messages": ("list_messages", {"conversation_id": read}),
        "list_conversations": ("list_conversations", {}),
    }
    ours = {what: Timing() for what in calls}
    nothing = Timing()
    as_large = {what: Timing() for what in LARGE_ANSWERS}
    async with _client(BARE, home) as bare, _client(RECOLLECT, home) as recollect:
        contenders = [(nothing, partial(_call, bare, "nothing", {}))]
        for what, (tool, arguments) in calls.items():
            contenders.append((ours[what], partial(_call, recollect, tool, arguments)))
            if what in as_large:
                characters = await _call(recollect, tool, arguments)
                contenders.append((as_large[what], partial(_call, bare, "text", {"characters": characters})))
        for _ in extent.count(extent.rounds):
            await take_turns(contenders, extent.calls)
    rows = [
        Row(
            f"{what} over stdio",
            "an empty tool",
            ours[what],
            nothing,
            TURN_BOUND if what.startswith("open_turn") else CALL_BOUND,
        )
        for what in calls
    ]
    rows += [
        Row(f"{what} over stdio", "only as much text", ours[what], as_large[what], None) for what in as_large
    ]
    return rows


def _client(command: list[str], home: Path) -> Client:
    return Client(
        stdio_client(StdioServerParameters(command=command[0], args=command[1:], env=environment(home)))
    )


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> int:
    """Call a tool; gives the length of its text. What a turn begins with is new every time."""
    key = {"key": str(next(_KEYS))} if tool == "open_turn" else {}
    result = await client.call_tool(tool, arguments | key)
    assert not result.is_error, result
    return sum(len(block.text) for block in result.content if block.type == "text")
