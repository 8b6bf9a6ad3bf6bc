"""How much work a call is, counted and not timed: the lines and the calls that Python executes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


class Compared(str):
    """A string whose comparisons and hashes are calls: a search through a list of them is counted as well."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def steps(run: Callable[[], object]) -> int:
    counted = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal counted
        counted += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return counted


def grows_evenly(run: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether four times as much is about four times the work; what grows with the square is 16 times.

    run:  makes what is to be counted for a size.
    """
    small, large = steps(run(size)), steps(run(4 * size))
    return large < 6 * small
