"""The free connections of one process.

asyncpg's own pool costs 80 to 90 µs per use (a task, a shield and a proxy each time), about as
much as the statement; a list costs 2. So this holds plain connections: the one used last is
given out first, the others age and are closed.

Nothing is sent when a connection is taken or given back. What makes that safe: whatever sets a
role or a user does so with SET LOCAL, and a connection whose last statement did not end in good
order (an error that the server did not answer, a time limit, a cancelled task) is rolled back
or closed before anybody else gets it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress

from recollect.db import failures
from recollect.db.activity import PoolUse
from recollect.db.connector import Connection, Connector
from recollect.db.failures import DRIVER_ERRORS
from recollect.models.errors import Unavailable

SETTLE_SECONDS = 5.0
"""How long an interrupted statement may take to stop; then its connection is closed."""

FAREWELL_SECONDS = 1.0
"""How long the server may take to acknowledge that an unused connection closes."""

CLOSED = "Recollect is shutting down; nothing was done."

OTHER_LOOP = (
    "this store was opened in another event loop, and nothing was done; open one in each, or hand calls over "
    "with asyncio.run_coroutine_threadsafe"
)


class Pool:
    """At most `size` connections, opened when needed.

    max_idle:  seconds after which an unused connection is closed.
    wait:      seconds that somebody waits for a connection when all are in use.
    """

    def __init__(self, connector: Connector, *, size: int, max_idle: float, wait: float) -> None:
        self.connector = connector
        self._size = size
        self._max_idle = max_idle
        self._wait = wait
        self._free: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._settling: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._dropped = asyncio.Event()
        self._closed = False
        self._loop = asyncio.get_running_loop()

    def use(self) -> PoolUse:
        waiting = sum(not waiter.done() for waiter in self._waiters)
        return PoolUse(self._size, len(self._all), len(self._free), waiting)

    async def take(self) -> Connection:
        """A connection that is alive as far as this machine can know.

        Raises: Unavailable, NotReady; RuntimeError in another event loop, where each use of a connection
        would break it for those of this one.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(OTHER_LOOP)
        while self._free:
            connection = self._free.pop()
            try:
                if not await connection.hung_up():
                    return connection
            except BaseException:
                self.drop(connection)
                raise
            self.connector.suspect()
            self.drop(connection)
        return await self.take_fresh()

    async def take_fresh(self) -> Connection:
        """A connection that was opened just now or handed over by another task."""
        if self._closed:
            raise Unavailable(CLOSED)
        if len(self._all) + self._opening >= self._size:
            connection = await self._wait_for_one()
            if connection is not None:
                return connection
        else:
            self._opening += 1
        try:
            connection = await self.connector.open()
        except BaseException:
            self._opening -= 1
            self._let_one_open()
            raise
        self._opening -= 1
        if self._closed:
            connection.terminate()
            raise Unavailable(CLOSED)
        self._all.add(connection)
        return connection

    def give(self, connection: Connection) -> None:
        """Take a connection back that is outside of any transaction."""
        if connection.is_closed() or self._closed:
            self.drop(connection)
            return
        connection.idle_since = time.monotonic()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._free.append(connection)
        if self._sweeper is None:
            self._sweep_later(self._max_idle)

    def give_after(self, error: BaseException, connection: Connection) -> None:
        """Take a connection back whose statement failed with one of `DRIVER_ERRORS`."""
        if failures.is_loss(error, closed=connection.is_closed()):
            self.connector.suspect()
            self.drop(connection)
            self.drop_free()
        elif failures.sqlstate(error) == failures.READ_ONLY_TRANSACTION:
            self.drop(connection)  # a primary that became a replica: look for the new one
        elif isinstance(error, TimeoutError) or connection.is_in_transaction():
            self.give_interrupted(connection)
        else:
            self.give(connection)

    def give_interrupted(self, connection: Connection) -> None:
        """Take a connection back whose statement was cut short, once the server has stopped it."""
        if connection.is_closed() or self._closed:
            self.drop(connection)
            return
        task = asyncio.get_running_loop().create_task(self._settle(connection))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def drop(self, connection: Connection) -> None:
        """Close a connection without waiting for the server."""
        self._all.discard(connection)
        self._dropped.set()
        connection.terminate()
        self._let_one_open()

    def drop_free(self) -> None:
        """Close all unused connections: one of them was found dead, they may be too."""
        while self._free:
            self.drop(self._free.pop())

    async def close(self, timeout: float) -> None:
        """Refuse new work, wait for what is under way, close everything; at most `timeout` seconds."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable(CLOSED))
        deadline = time.monotonic() + timeout
        idle, self._free = self._free, []
        self._all.difference_update(idle)
        farewell = min(timeout, FAREWELL_SECONDS)
        await asyncio.gather(*(c.close(timeout=farewell) for c in idle), return_exceptions=True)
        # Whoever holds one gives it back to a closed pool, which drops it.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, deadline - time.monotonic())):
                while self._all:
                    self._dropped.clear()
                    await self._dropped.wait()
        for connection in tuple(self._all):
            self.drop(connection)
        if self._settling:
            await asyncio.wait(tuple(self._settling), timeout=1)

    async def _wait_for_one(self) -> Connection | None:
        """A connection that somebody gave back, or None: a place for a new one, kept for us."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._wait):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"All {self._size} connections of this process were busy for {self._wait:g} seconds; "
                    "try again, or raise RECOLLECT_POOL_SIZE."
                ) from None
            raise

    def _pass_on(self, given: Connection | None) -> None:
        """Give back what came too late."""
        if given is not None:
            self.give(given)
        else:
            self._opening -= 1
            self._let_one_open()

    def _let_one_open(self) -> None:
        """A place became free: keep it for the first in the queue."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._opening += 1
                waiter.set_result(None)
                return

    async def _settle(self, connection: Connection) -> None:
        """Wait until the server has stopped an interrupted statement, then end its transaction."""
        try:
            # asyncpg has asked the server to cancel and sends this when that is through. Outside
            # a transaction ROLLBACK does nothing but warn.
            await connection.execute("ROLLBACK", timeout=SETTLE_SECONDS)
        except DRIVER_ERRORS:
            self.connector.suspect()
            self.drop(connection)
            self.drop_free()
        except BaseException:
            self.drop(connection)
            raise
        else:
            self.give(connection)

    def _sweep_later(self, seconds: float) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what was unused for too long. The list is ordered by the time of the last use."""
        self._sweeper = None
        now = time.monotonic()
        while self._free and now - self._free[0].idle_since >= self._max_idle:
            self.drop(self._free.pop(0))
        if self._free:
            self._sweep_later(self._free[0].idle_since + self._max_idle - now)
