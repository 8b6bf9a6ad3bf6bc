"""Fills a run's databases up to the next stop."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.growth.databases import GrowingDatabase
from benchmarks.growth.found import Load
from benchmarks.growth.people import Talk
from benchmarks.growth.room import LOG_BYTES, Room
from benchmarks.growth.stream import Stream

KEPT_UPTO = 1_000_000
"""So many messages at most are loaded with the search index in place, as appends find it."""

SEARCH_SHARE = 0.8
"""Bytes of the search index a byte of text that are expected while none was made."""

PROGRESS_SECONDS = 30.0

# The load writes as much as it can; what is measured runs with the settings as they are shipped.
LOADING = ("ALTER SYSTEM SET max_wal_size = '2GB'", "ALTER SYSTEM SET checkpoint_timeout = '30min'")
MEASURING = ("ALTER SYSTEM RESET max_wal_size", "ALTER SYSTEM RESET checkpoint_timeout")
RELOAD = "SELECT pg_reload_conf()"


@dataclass(slots=True)
class Loading:
    """The load of a run. deadline: on the monotonic clock, for all of the run.

    text_bytes:  of all texts that were loaded.
    ended:       why it stopped early.
    """

    stream: Stream
    room: Room
    deadline: float
    text_bytes: int = 0
    messages: int = 0
    ended: str | None = None
    _search_share: float = SEARCH_SHARE
    _later: float = 0.0
    _told: float = field(default_factory=time.monotonic)

    async def fill(
        self, databases: Sequence[GrowingDatabase], upto: int, special: Sequence[Talk]
    ) -> tuple[list[Load], list[int | None]]:
        """Load up to a number of messages, and make what is there ready to be asked. For each database
        what it took, and the size of its search index before that was made anew, where it was."""
        kept = not self.messages and upto <= KEPT_UPTO
        loads = [Load(kept=kept) for _ in databases]
        for statement in (*LOADING, RELOAD):
            await databases[0].connection.execute(statement)
        for database, load in zip(databases, loads, strict=True):
            if load.kept:  # as appends do it
                await database.connection.execute("SET gin_pending_list_limit = '256kB'")
            else:
                await database.drop_search_index()
        began = time.monotonic()
        await self._copy(databases, loads, upto, special)
        for load in loads:
            load.loaded = time.monotonic() - began
        grown: list[int | None] = []
        for database, load in zip(databases, loads, strict=True):
            grown.append(await self._finish(database, load))
        for statement in (*MEASURING, RELOAD):
            await databases[0].connection.execute(statement)
        took = sum(load.indexed + load.settled for load in loads)
        self._later = took / self.messages
        return loads, grown

    async def _copy(
        self, databases: Sequence[GrowingDatabase], loads: list[Load], upto: int, special: Sequence[Talk]
    ) -> None:
        pieces = self.stream.rows(upto - self.messages, special)
        ahead = asyncio.create_task(asyncio.to_thread(next, pieces, None))
        while (piece := await ahead) is not None:
            # The next is made while the database takes this one.
            ahead = asyncio.create_task(asyncio.to_thread(next, pieces, None))
            for database, load in zip(databases, loads, strict=True):
                began = time.monotonic()
                await database.store(piece)
                load.copied += time.monotonic() - began
                load.messages += len(piece.messages)
            self.messages += len(piece.messages)
            self.text_bytes += piece.text_bytes
            self._tell(upto)
            if self.ended is None and (problem := self._problem(len(databases))) is not None:
                self.ended = problem
                self.stream.end()

    async def _finish(self, database: GrowingDatabase, load: Load) -> int | None:
        grown = None
        if load.kept:
            await database.settle()  # what is pending is sorted in
            grown = await database.search_bytes()
            await database.drop_search_index()
        began = time.monotonic()
        say("making the search index …")
        expected = int(self.text_bytes * self._search_share)
        await database.make_search_index(parallel=self.room.lacks(2 * expected + LOG_BYTES) is None)
        load.indexed = time.monotonic() - began
        self._search_share = 1.1 * await database.search_bytes() / self.text_bytes
        began = time.monotonic()
        say("vacuuming …")
        await database.settle()
        load.settled = time.monotonic() - began
        return grown

    def _problem(self, databases: int) -> str | None:
        expected = int(self.text_bytes * self._search_share * databases)
        if (problem := self.room.lacks(expected + LOG_BYTES)) is not None:
            return problem
        if time.monotonic() + self._later * self.messages > self.deadline:
            return "the time that it was given would have been over"
        return None

    def _tell(self, upto: int) -> None:
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            when = datetime.now(UTC)
            say(f"{when:%H:%M} {self.messages:,} of {upto:,} messages, {self.room.used() / 1e9:.1f} GB …")


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)
