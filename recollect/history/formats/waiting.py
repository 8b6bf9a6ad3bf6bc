"""What waits under a name, first come, first served: the calls of one id, the results of one call."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Takes as long for the last of a hundred thousand of one name as for the first."""

    def __init__(self) -> None:
        self._came: dict[str, list[T]] = {}
        self._taken: dict[str, int] = {}
        self._left = 0

    def add(self, name: str, one: T) -> None:
        self._came.setdefault(name, []).append(one)
        self._left += 1

    def take(self, name: str, *, last: bool = False) -> T | None:
        """The one that has waited longest under a name, or the one that came last."""
        came = self._came.get(name, [])
        taken = self._taken.get(name, 0)
        if taken == len(came):
            return None
        self._left -= 1
        if last:
            return came.pop()
        self._taken[name] = taken + 1
        return came[taken]

    def __len__(self) -> int:
        return self._left
