"""Where a server gets the history from: a store that is opened when it is first needed.

A client starts this process often and asks for the tools first; that answer must not wait for
database drivers, let alone for PostgreSQL to start. So nothing below is imported or opened
before the tools have been listed or the first call has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from recollect.models.errors import RecollectError
from recollect.settings import Settings

if TYPE_CHECKING:
    from recollect.db.database import Database
    from recollect.history.history import History
    from recollect.history.store import Recollect
else:
    # Tool signatures are evaluated when a server is made; that must not load asyncpg.
    History = Any

logger = logging.getLogger(__name__)

WARM_UP_DELAY = 0.1
"""Seconds between the list of tools and the opening of the store, so that the list goes out first."""


class Backend(Protocol):
    """What a server needs: a user's history, and a hint that it will soon be needed."""

    async def history(self, user_id: str) -> History:
        """The history of a user. Raises: RecollectError when the store cannot be opened."""
        ...

    def warm(self) -> None:
        """Start to open the store, if that has not happened yet; returns at once."""
        ...


class OpenBackend:
    """A store that is open already, such as that of an application which mounts this server."""

    def __init__(self, store: Recollect) -> None:
        self._store = store

    async def history(self, user_id: str) -> History:
        return self._store.for_user(user_id)

    def warm(self) -> None:
        """Nothing to do."""


class LazyBackend:
    """A store that a task of its own opens on first need and keeps open.

    An opening that fails is reported to those who wait for it, and the next need tries again.
    """

    def __init__(self, opener: Callable[[], AbstractAsyncContextManager[Recollect]]) -> None:
        self._opener = opener
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[Recollect] = asyncio.Future()
        self._task: asyncio.Task[None] | None = None

    async def history(self, user_id: str) -> History:
        return (await self.store()).for_user(user_id)

    async def store(self) -> Recollect:
        """The store itself. Raises: RecollectError when it cannot be opened."""
        if not self._ready.done():
            task = self._start(0)
            await asyncio.wait((self._ready, task), return_when=asyncio.FIRST_COMPLETED)
            if not self._ready.done():
                task.result()  # raises what the opening raised
        return self._ready.result()

    async def database(self) -> Database:
        """The database of the store. Raises: RecollectError when it cannot be opened."""
        return (await self.store()).database

    def opened(self) -> Recollect | None:
        """The store if it is open already."""
        return self._ready.result() if self._ready.done() and not self._ready.cancelled() else None

    def warm(self) -> None:
        self._start(WARM_UP_DELAY)

    async def close(self) -> None:
        """Close the store; an opening under way is abandoned."""
        self._closing.set()
        if self._task is None:
            return
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait((self._task,))

    def _start(self, delay: float) -> asyncio.Task[None]:
        if self._task is None or (self._task.done() and not self._ready.done()):
            self._task = asyncio.create_task(self._keep_open(delay))
            self._task.add_done_callback(_log_failure)
        return self._task

    async def _keep_open(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with self._opener() as store:
            self._ready.set_result(store)
            await self._closing.wait()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        # The text of any other error may hold an address.
        told = str(error) if isinstance(error, RecollectError) else "see `recollect doctor`"
        logger.warning("the store could not be opened: %s: %s", type(error).__name__, told)


@asynccontextmanager
async def lazy_backend(
    settings: Settings, *, wrote: Callable[[str, int], None] = lambda user_id, tokens: None
) -> AsyncGenerator[LazyBackend]:
    """A backend over the store of `settings`, closed when the block ends.

    wrote:  told the user and the estimated tokens of what was written.
    """
    backend = LazyBackend(lambda: _open(settings, wrote))
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def _open(settings: Settings, wrote: Callable[[str, int], None]) -> AsyncGenerator[Recollect]:
    # Loading the drivers takes a good part of a second: in a thread, requests go on meanwhile.
    store_type = await asyncio.to_thread(_load)
    async with store_type.open(settings, wrote=wrote) as store:
        yield store


def _load() -> type[Recollect]:
    from recollect.history.store import Recollect  # imported late: see the top of this file

    return Recollect
