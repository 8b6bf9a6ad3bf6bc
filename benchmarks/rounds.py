"""Measuring contenders side by side: in rounds, in turns, with medians.

A machine is never quiet. So no contender is measured after the other: within a round they take
turns in short blocks, whoever began one pair of turns begins the next one last, and what is
compared are the medians of the same round. The median of the rounds' ratios is the figure, and
their range says how far to trust it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BLOCK = 25
"""Calls of one contender in a row: enough that most of them find the processor's caches as the
contender itself left them, few enough that what else the machine does meets all of them."""

WARM_UP = 10
"""Calls of each contender before a round, which are not counted."""

FEWEST_ROUNDS = 3

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    rounds, seconds:  of one group of contenders; no round begins after that many seconds, but for
                      the first few.
    calls:            of each contender in a round.
    starts:           rounds in which processes are started.
    turns:            of the conversation that is played for the prompt cache.
    """

    rounds: int
    calls: int
    starts: int
    seconds: float
    turns: int

    def count(self, rounds: int) -> Iterator[int]:
        """0, 1, 2 … for each round, at most `rounds`, as long as there is time."""
        deadline = time.monotonic() + self.seconds
        for number in range(rounds):
            if number >= FEWEST_ROUNDS and time.monotonic() > deadline:
                return
            yield number


FULL = Extent(rounds=15, calls=100, starts=15, seconds=45, turns=1_000)
QUICK = Extent(rounds=5, calls=50, starts=4, seconds=8, turns=200)


@dataclass(slots=True)
class Timing:
    """One contender's seconds, call by call, round by round."""

    rounds: list[list[float]] = field(default_factory=list[list[float]])

    def medians(self) -> list[float]:
        return [statistics.median(calls) for calls in self.rounds]

    @property
    def p50(self) -> float:
        """The median of the rounds' medians."""
        return statistics.median(self.medians())

    @property
    def p95(self) -> float:
        """The 95th percentile of all calls."""
        calls = sorted(call for calls in self.rounds for call in calls)
        return calls[min(len(calls) - 1, round(0.95 * len(calls)))]

    def against(self, other: Timing) -> list[float]:
        """The ratios of the medians, round by round, in ascending order."""
        return sorted(mine / its for mine, its in zip(self.medians(), other.medians(), strict=True))


async def take_turns(contenders: Sequence[tuple[Timing, Work]], calls: int) -> None:
    """One round: `calls` calls of each contender, in blocks, after a warm-up."""
    for timing, work in contenders:
        timing.rounds.append([])
        for _ in range(WARM_UP):
            await work()
    order = list(contenders)
    for begin, end in pairwise([*range(0, calls, BLOCK), calls]):
        for timing, work in order:
            seconds = timing.rounds[-1]
            for _ in range(end - begin):
                began = time.perf_counter()
                await work()
                seconds.append(time.perf_counter() - began)
        order.reverse()
