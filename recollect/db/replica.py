"""A second database that answers reads which may be a little old: a hot standby of the first.

Which reads those are, and why, is in docs/decisions/connections-replica-reads.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from recollect.db import failures
from recollect.models.errors import RecollectError

log = logging.getLogger(__name__)

REST_SECONDS = 30.0
"""How long a replica that failed is left alone."""

CONNECT_SECONDS = 2.0
"""How long a connection to it may take: whoever waits is then answered by the primary."""

WAIT_SECONDS = 1.0
"""How long one waits for one of its connections when all are busy, before the primary has to answer."""

_STOPPED = "57014"
# It gave way to what came from the primary, or to another statement: this one, not the next.
_GAVE_WAY = ("40001", "40P01", "55P03")


class Closes(Protocol):
    """What a replica is made of: `Database`, which knows replicas and so cannot be named here."""

    async def close(self, timeout: float = 5) -> None: ...


D = TypeVar("D", bound=Closes)


class Replica(Generic[D]):
    """A database that is used while it does well, and that nobody waits for.

    The first read that could use it starts a look at it and goes to the primary, as do all others
    until that look found a schema which this code may use and which keeps users apart. After a
    failure that is not one statement's own, it rests for half a minute and is looked at again.
    """

    def __init__(
        self, database: D, check: Callable[[D], Awaitable[None]], rest: float = REST_SECONDS
    ) -> None:
        """database:  without connections yet.
        check:     raises RecollectError where it may not be used.
        rest:      seconds that it is left alone after a failure."""
        self.database = database
        self._check = check
        self._rest_seconds = rest
        self._usable = False
        self._rested_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    def usable(self) -> bool:
        """Whether to ask it now."""
        if not self._usable and self._looking is None and time.monotonic() >= self._rested_at:
            self._looking = asyncio.get_running_loop().create_task(self._look())
        return self._usable

    def forgives(self, error: Exception) -> bool:
        """Whether the primary should answer what failed here. Not what took too long: it would there, too."""
        cause = error.__cause__ or error
        state = failures.sqlstate(cause)
        if state == _STOPPED:
            return False
        if state not in _GAVE_WAY and cause is not error:  # without a cause: all connections were busy
            self._rest(error)
        return True

    async def close(self, timeout: float) -> None:
        """Close its connections, as `Database.close`."""
        if self._looking is not None:
            self._looking.cancel()
        self._rested_at = float("inf")
        self._usable = False
        await self.database.close(timeout)

    async def _look(self) -> None:
        try:
            await self._check(self.database)
        except (RecollectError, *failures.DRIVER_ERRORS) as error:
            self._rest(error)
        else:
            self._usable = True
        finally:
            self._looking = None

    def _rest(self, error: Exception) -> None:
        if self._usable or self._rested_at == 0.0:  # said once, not every half minute
            log.warning("The replica is not used for now, the primary answers: %s", told(error))
        self._usable = False
        self._rested_at = time.monotonic() + self._rest_seconds


def told(error: Exception) -> str:
    """What is wrong with a replica, in one line."""
    if not isinstance(error, RecollectError):
        return type(error).__name__
    return " ".join(str(error).split()).replace("RECOLLECT_DATABASE_URL", "RECOLLECT_REPLICA_URL")
