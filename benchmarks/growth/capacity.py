"""What a hundred million conversations need, by calculation from what a run measured."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.document import DOCUMENT as BENCHMARKS
from benchmarks.growth.found import Stop
from benchmarks.growth.verbs import AT_WORK

PAGE = 8192
DAY = 86_400
HIGH_WATER = 200_000_000
"""Transactions after which PostgreSQL reads through a table to free their numbers."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What no measurement says. Change it to yours: the model is `Capacity`."""

    conversations: int = 100_000_000
    messages_of_a_user: int = 500
    active: float = 0.1
    turns: int = 20
    sittings: int = 2
    lists: float = 0.2
    pages: float = 0.2
    searches: float = 0.1
    peak: float = 3.0
    busy: float = 0.5
    filled: float = 0.7
    index_pages: int = 8

    def lines(self) -> list[str]:
        return [
            f"{self.conversations:,} conversations, each as long as in the run on average, of users with "
            f"{self.messages_of_a_user} messages each",
            f"{self.active:.0%} of the users are there on a day, each for {self.turns} turns in "
            f"{self.sittings} conversations; the busiest hour has {self.peak:g} times the average of the day",
            "a turn is a context of 8,000 tokens and two appends, the question and the answer; to it belong "
            f"{self.lists:g} lists of conversations, {self.pages:g} lists of 50 messages and "
            f"{self.searches:g} searches",
            f"processors are at most {self.busy:.0%} busy in that hour, disks at most {self.filled:.0%} full",
            f"a context reads {self.index_pages} pages of indexes beside those of the table, which were "
            "counted",
        ]


@dataclass(frozen=True, slots=True)
class Machine:
    """disk: bytes. reads: of a page at a random place, a second; None: not known."""

    name: str
    processors: int
    disk: int
    reads: int | None


LARGE = Machine("a large server", 64, 30 * 10**12, 200_000)
SHARDING = "users spread over several servers: Citus, or a database for each group of users"


@dataclass(frozen=True, slots=True)
class Need:
    """A resource: what is needed of it in all and what a machine has; what moves the wall."""

    what: str
    needed: float
    has: float
    moves: str

    @property
    def share(self) -> float:
        return self.needed / self.has


@dataclass(frozen=True, slots=True)
class Capacity:
    """The model. turns a second are those of the busiest hour."""

    stop: Stop
    assumed: Assumed

    @property
    def messages(self) -> float:
        return self.assumed.conversations * self.stop.sizes.messages / self.stop.sizes.conversations

    @property
    def users(self) -> float:
        return self.messages / self.assumed.messages_of_a_user

    @property
    def turns(self) -> float:
        return self.users * self.assumed.active * self.assumed.turns * self.assumed.peak / DAY

    @property
    def stored(self) -> float:
        """Bytes of all tables and indexes."""
        return self.messages * self.stop.sizes.all_bytes / self.stop.sizes.messages

    @property
    def server_seconds(self) -> float:
        """Processor time of PostgreSQL a turn, with what belongs to it."""
        return sum(self._parts().values())

    def dearest(self) -> tuple[str, float]:
        """The verb that takes most of that, and how much of it."""
        verb, seconds = max(self._parts().items(), key=lambda part: part[1])
        return verb, seconds / self.server_seconds

    def _parts(self) -> dict[str, float]:
        given = self.assumed
        calls = {
            "append": 2.0,
            "context": 1.0,
            "conversations": given.lists,
            "messages": given.pages,
            "search": given.searches,
        }
        return {
            verb: count * self.stop.costs[verb][AT_WORK].mean_of_server() for verb, count in calls.items()
        }

    @property
    def processors(self) -> float:
        """Of PostgreSQL."""
        return self.turns * self.server_seconds / self.assumed.busy

    @property
    def hot(self) -> float:
        """Bytes of the pages that a day's conversations need."""
        each = (self.stop.pages + self.assumed.index_pages) * PAGE
        return self.users * self.assumed.active * self.assumed.sittings * each

    @property
    def reads(self) -> float:
        """Pages a second that contexts read, if none of them is in memory."""
        return self.turns * (self.stop.pages + self.assumed.index_pages)

    @property
    def log(self) -> float:
        """Bytes of write-ahead log a second, at most."""
        return 2 * self.turns * self.stop.log

    @property
    def index_hours(self) -> float:
        """To make the search index anew, with this machine's processors."""
        return self.messages * self.stop.load.indexed / self.stop.sizes.messages / 3_600

    @property
    def vacuum_hours(self) -> float:
        """To vacuum and analyze everything, as after the load."""
        return self.messages * self.stop.load.settled / self.stop.sizes.messages / 3_600

    @property
    def days_between_freezing(self) -> float:
        daily = 2 * self.users * self.assumed.active * self.assumed.turns
        return HIGH_WATER / daily

    def serving_processors(self) -> float | None:
        """Of `recollect serve`, for whole turns over REST; None where docs/benchmarks.md has no figure.
        That run's client and PostgreSQL had their part of its two processors: so it is too many."""
        found = re.search(
            r"Whole turns a second: .*?([\d,]+) over REST", BENCHMARKS.read_text(encoding="utf-8")
        )
        machine = re.search(r", (\d+) CPUs", BENCHMARKS.read_text(encoding="utf-8"))
        if found is None or machine is None:
            return None
        return self.turns * int(machine[1]) / float(found[1].replace(",", "")) / self.assumed.busy

    def needs(self, machine: Machine) -> list[Need]:
        """Of one server that holds everything, the scarcest first."""
        room = machine.disk * self.assumed.filled
        verb, part = self.dearest()
        found = [
            Need("disk, TB", self.stored / 1e12, room / 1e12, "a larger disk; `recollect prune`"),
            Need(
                "processors of PostgreSQL",
                self.processors,
                machine.processors,
                f"cheaper calls: {verb} takes {part:.0%}",
            ),
        ]
        if machine.reads is not None:
            found.append(
                Need(
                    "pages read a second, if no conversation stays in memory",
                    self.reads,
                    machine.reads,
                    "memory, a faster disk, shorter contexts",
                )
            )
        return sorted(found, key=lambda need: -need.share)
