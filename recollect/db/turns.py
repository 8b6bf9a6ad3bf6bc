"""Appends to one conversation wait for their turn here, and not each on a connection of its own.

PostgreSQL puts them in a row anyway, by the conversation's row lock. Whoever waits there holds a connection,
so that ten appends to one busy conversation would leave none for all the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from recollect.models.errors import Unavailable

AT_ONCE = 3
"""Most that are sent at once: while one is written to the disk, the next have arrived. More are no faster."""


class Turns:
    """Who may append where, in one process.

    connections:  how many there are; one conversation gets half of them at most.
    patience:     seconds that one waits for a turn.
    """

    def __init__(self, connections: int, patience: float) -> None:
        self._at_once = max(1, min(AT_ONCE, connections // 2))
        self._patience = patience
        # What keeps the turns of a conversation is gone with the last who uses it.
        self._places: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, user_id: str, conversation_id: str) -> AsyncGenerator[None]:
        """Wait for a turn, first come first served. Raises: Unavailable."""
        place = self._places.get((user_id, conversation_id))
        if place is None:
            place = self._places[user_id, conversation_id] = asyncio.Semaphore(self._at_once)
        if place.locked():
            try:
                async with asyncio.timeout(self._patience):
                    await place.acquire()
            except TimeoutError:
                raise Unavailable(
                    f"Other appends to this conversation took {self._patience:g} seconds; try again."
                ) from None
        else:
            await place.acquire()
        try:
            yield
        finally:
            place.release()
