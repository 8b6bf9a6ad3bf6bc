"""What is measured: each workload in rounds, in which the systems take turns, whoever was first last."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg

from benchmarks.peers.process import Cannot, Failed, PeerProcess


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    rounds, calls:  repetitions, and most calls in each. seconds: after which a round's calls end.
    sizes:          of conversations. listed: numbers of conversations to list and erase.
    tasks:          concurrent turns. turning: seconds of them.
    stored:         messages for the bytes on disk.
    filling:        seconds that a system may take to store a conversation before it is measured.
    """

    rounds: int
    calls: int
    seconds: float
    sizes: tuple[int, ...]
    listed: tuple[int, ...]
    tasks: tuple[int, ...]
    turning: float
    stored: int
    filling: float


FULL = Extent(3, 20, 1.5, (10, 100, 1_000, 10_000), (1_000, 10_000), (32, 128), 3.0, 2_000, 180.0)
QUICK = Extent(2, 5, 0.3, (10, 1_000), (100,), (32,), 1.0, 400, 60.0)


@dataclass(slots=True)
class Workload:
    """One line of the table.

    unit:     ms, turns/s, s, or bytes/byte. more: whether more is better.
    figures:  by system, one a round; cannot: by system, why there is none.
    """

    name: str
    unit: str
    more: bool = False
    figures: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    cannot: dict[str, str] = field(default_factory=dict[str, str])

    def median(self, name: str) -> float | None:
        """The median of a system's rounds."""
        return statistics.median(self.figures[name]) if self.figures.get(name) else None


Round = Callable[[PeerProcess, int], Awaitable[float]]


async def measure(workload: Workload, peers: Sequence[PeerProcess], rounds: int, one: Round) -> Workload:
    """Let the systems take turns; whoever cannot, or fails, is not asked again."""
    order = list(peers)
    for number in range(rounds):
        for peer in order:
            name = peer.spec.name
            if name in workload.cannot:
                continue
            try:
                workload.figures.setdefault(name, []).append(await one(peer, number))
            except Cannot:
                workload.cannot[name] = "no such thing"
            except Failed as error:
                workload.cannot[name] = f"failed: {error}"
        order.reverse()
    return workload


class Conversations:
    """The conversations that are measured, filled when they are first asked for.

    Long ones are filled once for all workloads, which add little to them; short ones for each round,
    since appends make them grow. Who could not fill one in time is not asked again.
    """

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        self._filled: dict[tuple[str, str], Failed | None] = {}

    async def of(self, peer: PeerProcess, work: str, size: int, number: int) -> str:
        """The id of one. Raises: Failed."""
        id = f"{work}-{size}-{number}" if size <= 100 else f"of-{size}"
        asked = peer.spec.name, id
        if asked not in self._filled:
            try:
                await peer.ask("fill", id=id, count=size, seconds=self._extent.filling)
            except Failed as error:
                self._filled[asked] = error
            else:
                self._filled[asked] = None
        failed = self._filled[asked]
        if failed is not None:
            raise failed
        return id

    def latency(self, work: str, size: int) -> Round:
        """The median milliseconds of one call on a conversation of so many messages."""
        extent = self._extent

        async def one(peer: PeerProcess, number: int) -> float:
            id = await self.of(peer, work, size, number)
            calls = min(extent.calls, max(5, size))
            taken = await peer.ask("time", work=work, id=id, calls=calls, seconds=extent.seconds)
            return statistics.median(taken) * 1000

        return one


async def measure_all(
    peers: Sequence[PeerProcess], extent: Extent, say: Callable[[str], None]
) -> list[Workload]:
    """Every workload, in the order of the table."""
    done: list[Workload] = []

    async def run(
        name: str, unit: str, one: Round, rounds: int = extent.rounds, *, more: bool = False
    ) -> None:
        say(name)
        done.append(await measure(Workload(name, unit, more), peers, rounds, one))

    # First, as long as the files hold nothing else that space could be reused of.
    searched: dict[str, float] = {}

    async def stored(peer: PeerProcess, _number: int) -> float:
        before, size = await _bytes(peer.url), 0
        for number in range(extent.stored // 100):
            size += await peer.ask("fill", id=f"stored-{number}", count=100, step=2)
        after = await _bytes(peer.url)
        searched[peer.spec.name] = (after.all - before.all) / size
        return (after.all - after.search - before.all + before.search) / size

    async def with_search(peer: PeerProcess, _number: int) -> float:
        return searched[peer.spec.name]

    await run("bytes on disk for a byte of text", "bytes/byte", stored, 1)
    await run("the same with what is there to search the text", "bytes/byte", with_search, 1)
    latency = Conversations(extent).latency
    await run("read all of 1,000", "ms", latency("whole", 1_000))
    await run("read the last 50 of 1,000", "ms", latency("last", 1_000))
    await run("a context of 8,000 tokens of 1,000", "ms", latency("context", 1_000))
    long = extent.sizes[-1]
    if long > 1_000:
        await run(f"read the last 50 of {long:,}", "ms", latency("last", long))
    for size in extent.sizes:
        await run(f"append one message to {size:,}", "ms", latency("append", size))
    for size in extent.sizes:
        await run(f"append a tool turn of four items to {size:,}", "ms", latency("tools", size))
    for tasks in extent.tasks:

        async def turns(peer: PeerProcess, _number: int, tasks: int = tasks) -> float:
            return await peer.ask("turns", tasks=tasks, seconds=extent.turning)

        name = f"stateless turns by {tasks} at once (append, last 50, append)"
        await run(name, "turns/s", turns, max(1, extent.rounds // 2), more=True)

    async def hot(peer: PeerProcess, _number: int) -> float:
        found = await peer.ask("hot", appends=200)
        wrong = {what: found[what] for what in ("failed", "lost", "doubled") if found[what]}
        if wrong:
            raise Failed(", ".join(f"{what} {count}" for what, count in wrong.items()))
        return found["seconds"]

    await run("200 appends to one conversation at once", "s", hot, 1)

    made = 0
    for count in extent.listed:

        async def many(peer: PeerProcess, number: int, more: int = count - made) -> float:
            if number == 0:
                await peer.ask("many", count=more)
            taken = await peer.ask("time", work="list", id="", calls=extent.calls, seconds=extent.seconds)
            return statistics.median(taken) * 1000

        made = count
        await run(f"list 20 of {count:,} conversations", "ms", many)

    async def erase(peer: PeerProcess, _number: int) -> float:
        # Once: the second and third find nothing.
        return (await peer.ask("time", work="erase", id="", calls=1, seconds=0))[0]

    await run(f"erase a user with {extent.listed[-1]:,} conversations", "s", erase, 1)
    return done


class _Bytes(NamedTuple):
    """all: of the database's own tables, with indexes and TOAST. search: of the inverted indexes of them."""

    all: int
    search: int


async def _bytes(url: str) -> _Bytes:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            """SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relkind = 'r'), 0)::bigint,
                coalesce(sum(pg_relation_size(c.oid)) FILTER (WHERE a.amname = 'gin'), 0)::bigint
            FROM pg_class AS c LEFT JOIN pg_am AS a ON a.oid = c.relam
            WHERE c.relnamespace::regnamespace::text !~ '^(pg_catalog|information_schema|pg_toast)'
              AND c.relpersistence = 'p'"""
        )
    finally:
        await connection.close()
    assert row is not None
    return _Bytes(*row)
