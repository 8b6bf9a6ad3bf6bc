"""The tables of docs/capacity.md: what the verbs cost at each stop, and what the disk holds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.growth.found import Stop
from benchmarks.growth.sizes import SEARCH
from benchmarks.growth.verbs import (
    AT_WORK,
    EMPTY,
    LARGEST,
    LARGEST_PARTITIONED,
    PARTITIONED,
    RETURNING,
    VERBS,
    Cost,
)

LATENCY_BOUND = 1.3

AIM = 50_000_000
"""Messages that a whole run goes up to, given the time and the disk."""
WITHOUT_SEARCH_BOUND, WITH_SEARCH_BOUND = 1.45, 2.2

NAMES = {
    "append": "append a message",
    "context": "context of 8,000 tokens",
    "conversations": "list 20 conversations",
    "messages": "list the last 50 messages",
    "search": "search, 10 hits",
}

CAUSES = {
    "search": "A word's list in the index is of all users' messages, and each message of the user is looked "
    "up in it: the longer the list and the more scattered the messages, the more of it is unpacked",
}
"""What is known to take the time of a verb whose bound is missed."""


@dataclass(frozen=True, slots=True)
class Against:
    """What somebody's calls of a verb cost, beside those of the user of the empty database."""

    verb: str
    who: str
    cost: Cost
    base: Cost
    bound: float | None

    @property
    def ratios(self) -> list[float]:
        """By the clock, one a round, ascending."""
        return self.cost.clock.against(self.base.clock)

    @property
    def figure(self) -> float:
        return statistics.median(self.ratios)

    @property
    def of_server(self) -> float:
        return statistics.median(self.cost.server.against(self.base.server))

    @property
    def met(self) -> bool | None:
        return None if self.bound is None else round(self.figure, 2) <= self.bound

    def cells(self) -> tuple[str, ...]:
        return (
            NAMES[self.verb],
            self.who,
            *(_ms(each) for each in (self.cost.clock.p50, self.cost.clock.p95)),
            f"{self.figure:.2f}",
            f"{self.ratios[0]:.2f} to {self.ratios[-1]:.2f}",
            *(_ms(each) for each in (self.cost.server.p50, self.cost.server.p95)),
            f"{self.of_server:.2f}",
            "" if self.bound is None else f"{self.bound:.2f}",
            "" if self.met is None else ("met" if self.met else "MISSED"),
        )

    def reason(self) -> str:
        """Where the time of a missed bound goes, from the figures."""
        more = self.cost.clock.p50 - self.base.clock.p50
        working = max(0.0, self.cost.server.p50 - self.base.server.p50)
        cause = f". {CAUSES[self.verb]}" if self.verb in CAUSES and working else ""
        return (
            f"{NAMES[self.verb]}: of {_ms(more)} ms more, PostgreSQL's process works {_ms(working)} ms; the "
            f"rest it waits, for the disk or for a processor{cause}"
        )


def comparisons(stop: Stop) -> list[Against]:
    """Every verb of everybody in the one table, against the empty database."""
    return [
        Against(verb, who, its[who], its[EMPTY], LATENCY_BOUND if who == AT_WORK else None)
        for verb, its in stop.costs.items()
        for who in (AT_WORK, RETURNING, LARGEST)
    ]


def latencies(stop: Stop) -> str:
    """The table of one stop."""
    header = (
        *("verb", "user", "p50 ms", "p95 ms", "ratio", "range"),
        *("PostgreSQL p50 ms", "p95 ms", "ratio", "bound", ""),
    )
    lines: list[tuple[str, ...]] = []
    for verb in VERBS:
        base = stop.costs[verb][EMPTY]
        times = [_ms(each) for each in (base.clock.p50, base.clock.p95)]
        works = [_ms(each) for each in (base.server.p50, base.server.p95)]
        lines.append((NAMES[verb], EMPTY, *times, "", "", *works, "", "", ""))
        lines += [one.cells() for one in comparisons(stop) if one.verb == verb]
    return markdown(header, lines)


def costs(stop: Stop) -> str:
    """What one call costs in processors, and how many of them one processor does."""
    lines: list[tuple[str, ...]] = []
    for verb in VERBS:
        cost = stop.costs[verb][AT_WORK]
        mean = cost.mean_of_server()
        lines.append((NAMES[verb], _ms(mean), _ms(cost.client.p50), f"{1 / mean:,.0f}"))
    header = ("verb", "PostgreSQL, ms", "the library, ms", "calls a second of a processor of PostgreSQL")
    return markdown(header, lines)


def costs_words(stops: Sequence[Stop]) -> str:
    """How much of a search's cost depends on the size of the database, which the model does not know."""
    means = [
        f"{_ms(stop.costs['search'][AT_WORK].mean_of_server())} ms at {stop.sizes.messages:,} messages"
        for stop in stops
    ]
    return (
        "The mean of an average user at work, with what appends do for the search index now and then. A "
        f"search cost {', '.join(means)}, and {_ms(stops[-1].costs['search'][EMPTY].mean_of_server())} ms in "
        "the empty database. The model takes what it cost last; where it grew, it will grow further."
    )


def storage(stops: Sequence[Stop]) -> str:
    """Bytes a message of each table and index, at each stop, and bytes a byte of text."""
    header = ("bytes a message", *(f"{stop.sizes.messages:,} messages" for stop in stops))
    names = sorted(stops[-1].sizes.relations, key=lambda name: -stops[-1].sizes.each(name))
    lines: list[tuple[str, ...]] = [
        ("the text itself", *(f"{stop.sizes.text_bytes / stop.sizes.messages:.0f}" for stop in stops))
    ]
    lines += [(f"`{name}`", *(f"{stop.sizes.each(name):.1f}" for stop in stops)) for name in names]
    lines.append(("all", *(f"{stop.sizes.all_bytes / stop.sizes.messages:.0f}" for stop in stops)))
    lines.append(("all, GB", *(f"{stop.sizes.all_bytes / 1e9:.2f}" for stop in stops)))
    for what, bound, figures in (
        ("without the search index", WITHOUT_SEARCH_BOUND, [stop.sizes.without_search for stop in stops]),
        ("with it", WITH_SEARCH_BOUND, [stop.sizes.with_search for stop in stops]),
    ):
        shown = (f"{figure:.2f}, {'met' if figure <= bound else 'MISSED'}" for figure in figures)
        lines.append((f"bytes a byte of text {what}, at most {bound:.2f}", *shown))
    return markdown(header, lines)


def storage_words(stops: Sequence[Stop]) -> str:
    """What a row consists of, and how the search index grows by appends."""
    last, first = stops[-1].sizes, stops[0]
    row = last.row
    said = (
        f"A row has {row['row']:.0f} bytes on average: {row['text']:.0f} of text, {row['names']:.0f} of the "
        f"ids of user and conversation, {row['keys']:.0f} of keys and their fingerprints, and "
        f"{row['row'] - row['text'] - row['names'] - row['keys']:.0f} of all else. The ids stand in the "
        "primary key again, and in the index of keys."
    )
    if first.grown is not None:
        made = first.sizes.relations[SEARCH]
        said += (
            f" The search index is measured as CREATE INDEX makes it; of {first.sizes.messages:,} messages "
            f"it was {first.grown / made:.2f} times as large where single appends had made it."
        )
    if last.without_search > WITHOUT_SEARCH_BOUND:
        over = (last.without_search - WITHOUT_SEARCH_BOUND) * last.text_bytes / last.messages
        said += f" The bound without search is missed by {over:.0f} bytes a message."
    return said


def loads(stops: Sequence[Stop]) -> str:
    """How long the load took, part by part."""
    header = ("up to", "minutes", "messages a second", "search index", "COPY", "making it", "vacuum")
    lines: list[tuple[str, ...]] = []
    for stop in stops:
        load = stop.load
        minutes = (f"{each / 60:.1f}" for each in (load.copied, load.indexed, load.settled))
        lines.append(
            (
                f"{stop.sizes.messages:,}",
                f"{load.loaded / 60:.1f}",
                f"{load.messages / load.loaded:,.0f}",
                "in place, then made anew" if load.kept else "made afterwards",
                *minutes,
            )
        )
    return markdown(header, lines)


def loads_words(stops: Sequence[Stop]) -> str | None:
    """Whether it is faster to make the search index afterwards; None where only one way was gone."""
    first, last = stops[0], stops[-1]
    if not first.load.kept or last.load.kept:
        return None
    kept = first.load.loaded / first.load.messages
    after = last.load.loaded / last.load.messages + last.load.indexed / last.sizes.messages
    return (
        f"With the search index in place, as appends find it, a message took {_ms(kept)} ms; without, and "
        f"its part of making the index afterwards included, {_ms(after)} ms."
    )


def further(stop: Stop) -> str | None:
    """What as many messages as are aimed at would need; None where they are there."""
    load, sizes = stop.load, stop.sizes
    if sizes.messages >= AIM:
        return None
    loading = (AIM - sizes.messages) * load.loaded / load.messages / 3_600
    indexing = AIM * load.indexed / sizes.messages / 3_600
    return (
        f"At these rates {AIM:,} messages need {loading:.1f} hours more to load, {indexing:.1f} to make the "
        f"search index of them all, and {AIM * sizes.all_bytes / sizes.messages / 1e9:.0f} GB of disk beside "
        "the log."
    )


def partitions(stop: Stop) -> str:
    """One table against many; only where both were measured."""
    header = ("verb", "user", "one table, PostgreSQL ms", "partitioned", "ratio", "by the clock")
    pairs = ((AT_WORK, PARTITIONED), (LARGEST, LARGEST_PARTITIONED))
    lines = [
        (
            NAMES[verb],
            one,
            _ms(stop.costs[verb][one].server.p50),
            _ms(stop.costs[verb][many].server.p50),
            f"{partition_ratio(stop, verb, one, many):.2f}",
            f"{statistics.median(stop.costs[verb][many].clock.against(stop.costs[verb][one].clock)):.2f}",
        )
        for verb in VERBS
        for one, many in pairs
    ]
    return markdown(header, lines)


def partition_ratio(stop: Stop, verb: str, one: str = AT_WORK, many: str = PARTITIONED) -> float:
    """Of the server's work, partitioned against one table."""
    return statistics.median(stop.costs[verb][many].server.against(stop.costs[verb][one].server))


def markdown(header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = [header, ("---",) * len(header), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"
