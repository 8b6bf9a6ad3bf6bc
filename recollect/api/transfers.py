"""How many imports and exports are under way at once: they last, and hold what others need too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from recollect.models.errors import TooManyRequests, Unavailable

RETRY_SECONDS = 15


class Transfers:
    """Of one kind, in one process.

    of_user:  most at once of one user; in_all: of everybody.
    """

    def __init__(self, what: str, *, of_user: int, in_all: int) -> None:
        self._what = what
        self._of_user = of_user
        self._in_all = in_all
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def admit(self, user_id: str) -> Generator[None]:
        """Around one of them. Raises: TooManyRequests, Unavailable."""
        if self._under_way[user_id] >= self._of_user:
            raise TooManyRequests(f"too many {self._what} were begun", RETRY_SECONDS)
        if self._under_way.total() >= self._in_all:
            raise Unavailable(f"This server has as many {self._what} under way as it can; try again soon.")
        self._under_way[user_id] += 1
        try:
            yield
        finally:
            self._under_way[user_id] -= 1
            self._under_way += Counter()  # forgets those who have none
