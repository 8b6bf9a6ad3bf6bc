"""What a process did and does with its database, as plain numbers: for whoever measures it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Since the store was opened.

    appends:   by outcome: appended, replayed, moved (the head was another one), key_reused, …
    messages:  how many were stored by them.
    retries:   statements that were sent again because the connection had broken.
    replica:   reads that a replica answered, and those that it failed, so that the primary did.
    """

    appends: Counter[str] = field(default_factory=Counter[str])
    messages: int = 0
    retries: int = 0
    replica: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Right now. size: most connections; open: how many there are; free: of those unused;
    waiting: callers that wait for one."""

    size: int
    open: int
    free: int
    waiting: int
