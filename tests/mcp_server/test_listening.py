"""Streams of changes whose reader is slow."""

from __future__ import annotations

import time
import tracemalloc

from mcp.server.subscriptions import ResourceUpdated

from recollect.db.database import Database
from recollect.history.store import Recollect
from recollect.mcp_server.feed import Feed
from recollect.mcp_server.listening import Listening
from recollect.mcp_server.resources import uri_of


async def test_what_changes_does_not_pile_up_for_a_reader_who_takes_nothing(store: Recollect) -> None:
    async def database() -> Database:
        return store.database

    feed = Feed(lambda: "alice", database)
    changes = Listening(feed, lambda: 0.0).changes("alice", time.time() + 60)
    assert await anext(changes) is None
    tracemalloc.start()
    try:
        for number in range(50_000):
            await feed.publish(ResourceUpdated(uri=uri_of(f"conversation-{number}")))
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
    assert [change async for change in changes] == [], "it ends, and whoever comes again looks anew"
