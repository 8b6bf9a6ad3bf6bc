"""The proof on a user's own database: `tests/cli/test_doctor.py` has what it says, this what it does."""

from __future__ import annotations

from recollect.db.target import parse_url
from recollect.history.chaos import CONVERSATIONS, WRITERS, wreak
from recollect.settings import Settings
from tests.tcp_proxy import tcp_proxy


async def test_messages_are_stored_although_connecting_takes_longer_than_a_connection_lives(
    database_url: str, settings: Settings
) -> None:
    """A database far away. Else what is stored is the one append of each writer that is under way at the end,
    and nothing is proved."""
    async with tcp_proxy(database_url) as proxy:
        proxy.latency = 0.05
        chaos = await wreak(parse_url(proxy.url), settings, "alice", 3)
    assert chaos.sound
    assert chaos.stored > CONVERSATIONS * WRITERS
    assert chaos.killed > CONVERSATIONS * WRITERS
