"""What the verbs cost a user, in an empty database and in a full one, in turns.

Three users of the full database are asked for beside the one of the empty database: one who is at work,
another one at each call, and the largest. The first two and the one of the empty database have the same
messages. The time is measured by the clock, and as processor time of the server's process for this
connection, and of this one.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.growth.people import Guest
from benchmarks.growth.texts import Texts
from benchmarks.rounds import BLOCK, WARM_UP, Timing
from benchmarks.search import processor_time
from benchmarks.storage import TEXT
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage

MAX_TOKENS = 8_000

Verb = Callable[[], Awaitable[object]]
VERBS = ("append", "context", "conversations", "messages", "search")

EMPTY, AT_WORK, RETURNING, LARGEST = "empty database", "at work", "another at each call", "the largest"
PARTITIONED = "at work, partitioned"
LARGEST_PARTITIONED = "the largest, partitioned"


@dataclass(slots=True)
class Cost:
    """Of one user's calls of one verb: seconds by the clock, of the server's process, and of this one."""

    clock: Timing = field(default_factory=Timing)
    server: Timing = field(default_factory=Timing)
    client: Timing = field(default_factory=Timing)

    def begin_round(self) -> None:
        for timing in (self.clock, self.server, self.client):
            timing.rounds.append([])

    async def measure(self, verb: Verb, process: int) -> None:
        server, client, began = processor_time(process), time.process_time(), time.perf_counter()
        await verb()
        self.clock.rounds[-1].append(time.perf_counter() - began)
        self.client.rounds[-1].append(time.process_time() - client)
        self.server.rounds[-1].append(processor_time(process) - server)

    def mean_of_server(self) -> float:
        """The rare calls included that sort the index's pending entries in, whose work is all calls'."""
        calls = [call for calls in self.server.rounds for call in calls]
        return sum(calls) / len(calls)


Costs = dict[str, dict[str, Cost]]
"""By verb and by who asked."""


@dataclass(slots=True)
class Asking:
    """Somebody who asks. share: of the calls of a round; warms_up: before each round."""

    verbs: dict[str, Verb]
    process: int
    share: float = 1.0
    warms_up: bool = True


@dataclass(frozen=True, slots=True)
class Extent:
    """rounds and calls of each verb; no round of a verb begins after as many seconds, but the first two."""

    rounds: int
    calls: int
    seconds: float


FULL = Extent(rounds=10, calls=50, seconds=120)
QUICK = Extent(rounds=3, calls=10, seconds=10)


async def measure(asking: Callable[[int], dict[str, Asking]], extent: Extent) -> Costs:
    """asking: who asks in a round, by name; the same names in each."""
    costs: Costs = {}
    for verb in VERBS:
        its = costs[verb] = {}
        deadline = time.monotonic() + extent.seconds
        for number in range(extent.rounds):
            if number >= 2 and time.monotonic() > deadline:
                break
            everybody = asking(number)
            for name in everybody:
                its.setdefault(name, Cost()).begin_round()
            await _round(verb, everybody, its, extent.calls)
    return costs


async def _round(verb: str, everybody: dict[str, Asking], costs: dict[str, Cost], calls: int) -> None:
    for one in everybody.values():
        for _ in range(WARM_UP if one.warms_up else 0):
            await one.verbs[verb]()
    order = list(everybody.items())
    block = min(BLOCK, calls)
    for begin, end in pairwise([*range(0, calls, block), calls]):
        for name, one in order:
            for _ in range(max(1, round(one.share * (end - begin)))):
                await costs[name].measure(one.verbs[verb], one.process)
        order.reverse()


async def process_of(store: Recollect) -> int:
    """The server's process of a store with one connection."""
    return (await store.database.call("SELECT pg_backend_pid()", repeatable=True))[0][0]


def verbs_of(history: History, guest: Guest, queries: Sequence[str]) -> dict[str, Verb]:
    """The verbs of a user of average size."""
    return _verbs(history, guest.rendered, guest.listed, guest.grown, itertools.cycle(queries))


def verbs_of_many(store: Recollect, guests: Sequence[Guest], queries: Sequence[str]) -> dict[str, Verb]:
    """Each call of a verb is another user's, until all had their turn."""
    found: dict[str, Verb] = {}
    for verb in VERBS:
        following = itertools.cycle(
            [verbs_of(store.for_user(one.user), one, queries)[verb] for one in guests]
        )
        found[verb] = _each(following)
    return found


def _each(following: Iterator[Verb]) -> Verb:
    return lambda: next(following)()


async def verbs_of_largest(history: History, texts: Texts) -> dict[str, Verb]:
    """The verbs of a user of any size, on the longest of the last conversations."""
    page = await history.list(limit=100)
    talks = sorted(page.conversations, key=lambda one: one.last_seq, reverse=True)
    longest, second, third = (talks * 3)[:3]
    chance = random.Random("largest")
    said = [
        message.text
        for talk in talks[:20]
        for message in (await history.list_messages(talk.id, limit=10)).messages
    ]
    queries = [texts.query(chance, text) for text in said]
    return _verbs(history, longest.id, second.id, third.id, itertools.cycle(queries))


def _verbs(
    history: History, rendered: str, listed: str, grown: str, queries: Iterator[str]
) -> dict[str, Verb]:
    said = NewMessage("user", TEXT)
    return {
        "append": lambda: history.append(grown, said),
        "context": lambda: history.context(rendered, max_tokens=MAX_TOKENS),
        "conversations": lambda: history.list(limit=20),
        "messages": lambda: history.list_messages(listed, limit=50),
        "search": lambda: history.search(next(queries), limit=10),
    }
