"""What a call costs the server: Recollect beside the same SDK's server that runs the least SQL.

Over stdio and over HTTP, one call after another, by the clock and by the processor time of the server's
processes (PostgreSQL's not included, which both have). Then stateless turns over HTTP, many at once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from benchmarks.baseline import MESSAGE_TOKENS, Baseline
from benchmarks.http_servers import FLOOR, RECOLLECT, Connection, Serving, connected, serving, tool_call
from benchmarks.report import Row
from benchmarks.rounds import WARM_UP, Extent, Timing, take_turns
from benchmarks.servers import FLOOR as FLOOR_STDIO
from benchmarks.servers import RECOLLECT as RECOLLECT_STDIO
from benchmarks.servers import environment
from benchmarks.storage import TEXT, fill
from recollect.history.history import History

CONVERSATION = 1_000
BOUND = 1.15
BASE = "the least SQL, on a bare server"

CONCURRENT = (32, 128)
TURN_SECONDS = 3.0
TURN_ROUNDS = 3
SHORT = 20
"""Messages in each conversation of many."""

TOOLS = ("append_message", "list_messages", "load_context", "open_turn")

_KEYS = count()


@dataclass(slots=True)
class Contender:
    """A server: how a tool of it is called, and its processes."""

    call: Callable[[str, dict[str, Any]], Awaitable[None]]
    pids: list[int]


async def measure_servers(
    history: History, baseline: Baseline, url: str, home: Path, extent: Extent
) -> list[Row]:
    """Rows for the clock and the processor, over both ways in; then for many turns at once."""
    ids = [await fill(history, CONVERSATION) for _ in TOOLS]
    many = [await fill(history, SHORT) for _ in range(max(CONCURRENT))]
    for size, filled in ((CONVERSATION, ids), (SHORT, many)):
        for id in filled:
            await baseline.fill(id, size, TEXT, MESSAGE_TOKENS)
    await baseline.settle()
    passed = environment(home) | {"FLOOR_URL": url}
    unlimited = {"RECOLLECT_REQUESTS_PER_MINUTE": "0", "RECOLLECT_TOKENS_PER_MINUTE": "0"}
    async with _stdio(RECOLLECT_STDIO, passed) as ours, _stdio(FLOOR_STDIO, passed) as floor:
        rows = await _side_by_side("stdio", ours, floor, ids, extent)
    with (
        serving(RECOLLECT, home, home.parent / "recollect.log", **unlimited) as our_server,
        serving(FLOOR, home, home.parent / "floor.log", FLOOR_URL=url) as floor_server,
    ):
        async with _http(our_server) as ours, _http(floor_server) as floor:
            rows += await _side_by_side("HTTP", ours, floor, ids, extent)
        for tasks in CONCURRENT:
            rows.append(await _many_turns(tasks, our_server.port, floor_server.port, many))
    return rows


async def _side_by_side(
    door: str, ours: Contender, floor: Contender, ids: list[str], extent: Extent
) -> list[Row]:
    """One call after another, each tool on a conversation of its own."""
    rows: list[Row] = []
    for tool, id in zip(TOOLS, ids, strict=True):
        clocks, processors = (Timing(), Timing()), (Timing(), Timing())
        for number in extent.count(extent.rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                contender = (ours, floor)[side]
                before = _processor_seconds(contender.pids)
                await take_turns([(clocks[side], partial(_one, contender, tool, id))], extent.calls)
                spent = _processor_seconds(contender.pids) - before
                processors[side].rounds.append([spent / (WARM_UP + extent.calls)])
        what = f"{tool} over {door}"
        rows.append(Row(what, BASE, *clocks, BOUND))
        rows.append(Row(f"{what}, processor time of the server", BASE, *processors, None))
    return rows


async def _one(contender: Contender, tool: str, id: str) -> None:
    await contender.call(tool, _arguments(tool, id))


async def _many_turns(tasks: int, our_port: int, floor_port: int, ids: list[str]) -> Row:
    """Whole turns of so many conversations at once."""
    timings = (Timing(), Timing())
    for number in range(TURN_ROUNDS):
        for side in (0, 1) if number % 2 else (1, 0):
            seconds = await _turns((our_port, floor_port)[side], ids[:tasks])
            timings[side].rounds.append([seconds])
    return Row(f"a stateless turn over HTTP, of {tasks} at once", BASE, *timings, 1.0)


async def _turns(port: int, ids: list[str]) -> float:
    """Turns of all conversations at once, for a while: the seconds between the end of one and the next."""
    began = time.perf_counter()
    done = 0

    async def one(id: str, connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < began + TURN_SECONDS:
            for tool in ("open_turn", "append_message"):
                await _ask(connection, tool, _arguments(tool, id))
            done += 1

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(port)) for _ in ids]
        await asyncio.gather(*map(one, ids, connections))
    return (time.perf_counter() - began) / done


def _arguments(tool: str, id: str) -> dict[str, Any]:
    more: dict[str, dict[str, Any]] = {
        "append_message": {"role": "user", "content": TEXT},
        "open_turn": {"content": TEXT, "key": str(next(_KEYS))},
    }
    return {"conversation_id": id} | more.get(tool, {})


@asynccontextmanager
async def _stdio(command: list[str], environment: dict[str, str]) -> AsyncGenerator[Contender]:
    before = _children(os.getpid())
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    async with Client(stdio_client(parameters)) as client:

        async def call(tool: str, arguments: dict[str, Any]) -> None:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result

        yield Contender(call, sorted(_children(os.getpid()) - before))


@asynccontextmanager
async def _http(server: Serving) -> AsyncGenerator[Contender]:
    async with connected(server.port) as connection:
        yield Contender(partial(_ask, connection), sorted({server.pid, *_children(server.pid)}))


async def _ask(connection: Connection, tool: str, arguments: dict[str, Any]) -> None:
    status, body = await connection.ask(*tool_call(tool, arguments))
    assert status == 200, body
    assert b'"isError":true' not in body, body


def _children(pid: int) -> set[int]:
    """The processes that a process started, and theirs."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child, *_children(child)}
    return found


def _processor_seconds(pids: list[int]) -> float:
    """What the threads of these processes have used so far. Linux alone tells."""
    return sum(
        int((task / "schedstat").read_text().split()[0]) / 1e9
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    )
