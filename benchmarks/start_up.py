"""From the start of a server's process to its list of tools, in lines of JSON without any client.

Both ways a client may ask: the single request of protocol 2026-07-28, and the handshake before
the request of the older ones.
"""

from __future__ import annotations

import json
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread

from benchmarks.report import Row
from benchmarks.rounds import Extent, Timing
from benchmarks.servers import BARE, RECOLLECT, environment

START_BOUND = 1.3

CLIENT = {"name": "benchmarks", "version": "0"}

MODERN: list[dict[str, Any]] = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": CLIENT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        },
    },
]

LEGACY: list[dict[str, Any]] = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
]

END_LIMIT = 10.0
"""Seconds that a server may take to end after its input has."""


async def measure_starts(home: Path, extent: Extent) -> list[Row]:
    """Each round starts each server once in each way, after one round that does not count."""
    dialogues = {"one request": MODERN, "handshake": LEGACY}
    ours = {name: Timing() for name in dialogues}
    theirs = {name: Timing() for name in dialogues}
    order = [(command, name) for name in dialogues for command in (RECOLLECT, BARE)]
    for number in extent.count(extent.starts + 1):
        for command, name in order:
            start = partial(_start, command, dialogues[name], environment(home))
            seconds = await to_thread.run_sync(start)
            if number:
                (ours if command is RECOLLECT else theirs)[name].rounds.append([seconds])
        order.reverse()
    return [
        Row(f"start to tools/list, {name}", "an empty server", ours[name], theirs[name], START_BOUND)
        for name in dialogues
    ]


def _start(command: list[str], dialogue: list[dict[str, Any]], env: dict[str, str]) -> float:
    """Seconds from starting the process until it has answered the whole dialogue."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for message in dialogue:
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
                if "id" in message:
                    answer = json.loads(process.stdout.readline())
                    assert answer["id"] == message["id"], answer
                    assert "result" in answer, answer
            seconds = time.perf_counter() - began
            process.stdin.close()
            process.wait(END_LIMIT)
        except BaseException:
            process.kill()
            raise
    return seconds
