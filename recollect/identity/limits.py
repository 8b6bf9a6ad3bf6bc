"""How much one user may ask for: requests, and tokens written, each within a minute; and how much of it
may be in memory at once.

The counts are this process's own. With several processes a user can get as many times as much.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from recollect.identity.caller import WRITE
from recollect.models.errors import TooManyRequests
from recollect.settings import Settings

MINUTE = 60.0

MOST_HELD = 256 * 1024 * 1024
"""Bytes of one user's requests and answers that are in memory at once: four of the largest. The first halves
of many, or answers that nobody takes, would fill it, for everybody."""

RETRY_SECONDS = 5

SWEEP_AT = 10_000
"""So many users are remembered before those are forgotten who have their whole minute again."""


Hold = Callable[[int], None]
"""Told the size of what is kept in memory; may raise TooManyRequests."""


class Buckets:
    """One bucket a user, which fills evenly within a minute and holds a minute's worth.

    per_minute:  0: no limit.
    clock:       monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._sweep_at = SWEEP_AT

    def __len__(self) -> int:
        """How many users are remembered."""
        return len(self._full_at)

    def wait(self, user_id: str, amount: int) -> float:
        """Seconds until the user's bucket holds so much; 0 if it does now. For an amount of 0: until
        nothing is owed any more."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        full_at = max(now, self._full_at.get(user_id, now))
        return max(0.0, full_at + amount * MINUTE / self._per_minute - MINUTE - now)

    def take(self, user_id: str, amount: int) -> None:
        """Take from the user's bucket, also more than is in it: then the user waits the longer."""
        if not self._per_minute:
            return
        now = self._clock()
        full_at = max(now, self._full_at.get(user_id, now))
        self._full_at[user_id] = full_at + amount * MINUTE / self._per_minute
        if len(self._full_at) > self._sweep_at:
            self._full_at = {user: at for user, at in self._full_at.items() if at > now}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._full_at))


class Limits:
    """The limits of the settings, for all doors of one process.

    What is written is known only afterwards, so a write is let in while there is anything left of
    the minute, and the next one waits until the whole of it is paid for.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = Buckets(settings.requests_per_minute, clock)
        self._written = Buckets(settings.tokens_per_minute, clock)
        self._held: Counter[str] = Counter()

    def admit(self, user_id: str) -> None:
        """Count a request. Raises: TooManyRequests."""
        if self._held[user_id] >= MOST_HELD:
            raise TooManyRequests("too much was asked for at once", RETRY_SECONDS)
        wait = self._requests.wait(user_id, 1)
        if wait > 0:
            raise TooManyRequests("too many requests", math.ceil(wait))
        self._requests.take(user_id, 1)

    def admit_scopes(self, user_id: str, scopes: tuple[str, ...]) -> None:
        """Let an operation that takes these scopes in, if it does not write too much. Raises:
        TooManyRequests."""
        wait = self._written.wait(user_id, 0) if WRITE in scopes else 0.0
        if wait > 0:
            raise TooManyRequests("too much was written", math.ceil(wait))

    @contextmanager
    def holding(self, user_id: str) -> Generator[Hold]:
        """Around a request whose body is read; gives what is told each piece's size.

        Raises, there: TooManyRequests.
        """
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held[user_id] + size > MOST_HELD:
                raise TooManyRequests("too much was sent at once", RETRY_SECONDS)
            self._keep(user_id, size)
            held += size

        try:
            yield hold
        finally:
            self._keep(user_id, -held)

    @contextmanager
    def keeping(self, user_id: str, size: int) -> Generator[None]:
        """Around what is in memory, such as an answer until it was taken. While it is too much, the user's
        next request is not let in."""
        self._keep(user_id, size)
        try:
            yield
        finally:
            self._keep(user_id, -size)

    def _keep(self, user_id: str, size: int) -> None:
        self._held[user_id] += size
        if not self._held[user_id]:
            del self._held[user_id]

    def wrote(self, user_id: str, tokens: int) -> None:
        """Count what was written."""
        self._written.take(user_id, tokens)
