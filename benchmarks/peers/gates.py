"""Whether a system keeps what it is given: gates that are passed or not, beside the speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import asyncpg

from benchmarks.peers.process import Cannot, Failed, PeerProcess

GATES = {
    "order": "Appends come back in their order, each time",
    "retry": "An append sent again, since its answer was lost, is there once",
    "windows": "No window of any size holds a tool result without its call, or a call without its result",
    "exact": "NUL, a lone surrogate and 5 MB come back as they were",
    "user": "Another user who knows the id sees nothing",
    "burst": "Connections killed in the middle, each failed append sent again: nothing lost, nothing twice",
}
"""The gates, by what an adapter is asked; each answers what is wrong, or nothing."""

APPENDS = 300

PASSED = ""

Found = dict[str, dict[str, str]]
"""By gate and system, what is wrong; empty where it is passed."""


async def try_gates(peers: Sequence[PeerProcess], say: Callable[[str], None]) -> Found:
    """Ask every system at every gate."""
    found: Found = {gate: {} for gate in GATES}
    for gate in GATES:
        say(gate)
        for peer in peers:
            found[gate][peer.spec.name] = await _try(peer, gate)
    return found


async def _try(peer: PeerProcess, gate: str) -> str:
    try:
        if gate != "burst":
            return await peer.ask(gate, limit=60)
        killer = asyncio.create_task(_kill(peer.url))
        try:
            return await peer.ask(gate, limit=60, appends=APPENDS)
        finally:
            killer.cancel()
    except Cannot:
        return "no such thing"
    except Failed as error:
        return f"failed: {error}"


async def _kill(url: str) -> None:
    """Terminate all connections to a database but this one, every 50 milliseconds for two seconds."""
    connection = await asyncpg.connect(url)
    try:
        for _ in range(40):
            await asyncio.sleep(0.05)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
    finally:
        connection.terminate()
