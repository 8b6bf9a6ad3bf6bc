"""What a run was asked for, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.growth.sizes import Sizes
from benchmarks.growth.verbs import Costs, Extent
from benchmarks.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Plan:
    """stops: numbers of messages, ascending. minutes: no more is loaded than lets the run end in about
    that time. partitions: of the messages of a second database beside the first; 0 for none."""

    stops: list[int]
    users: int
    extent: Extent
    minutes: float
    partitions: int


@dataclass(slots=True)
class Load:
    """How long a part of the load took, in seconds.

    loaded:   until all messages were there, made at the same time as others are copied.
    copied:   of that, what this database's COPY took.
    indexed:  to make the search index, of all messages that are there.
    kept:     the search index was in place during the load.
    """

    messages: int = 0
    loaded: float = 0.0
    copied: float = 0.0
    indexed: float = 0.0
    settled: float = 0.0
    kept: bool = False


@dataclass(slots=True)
class Stop:
    """What was found at one size of the database.

    grown:        bytes of the search index as single inserts left it, before it was made anew.
    log:          bytes of write-ahead log an append, of another user each, after a checkpoint.
    pages:        of the table of messages that one context reads.
    largest:      messages of the largest user.
    partitioned:  the sizes of the second database and what its load took.
    """

    sizes: Sizes
    load: Load
    costs: Costs
    log: float
    pages: float
    largest: int
    grown: int | None = None
    partitioned: tuple[Sizes, Load] | None = None


@dataclass(slots=True)
class Found:
    """memory, disk: bytes that the machine has. ended: why the load stopped early, if it did."""

    plan: Plan
    surroundings: Surroundings
    memory: int
    disk: int
    stops: list[Stop] = field(default_factory=list[Stop])
    ended: str | None = None
