"""One run: load up to each stop, look at the sizes, ask everybody, go on."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from benchmarks.growth.asking import (
    Visitors,
    log_of_an_append,
    opened,
    pages_of_a_context,
    queries_of,
    said_by,
)
from benchmarks.growth.databases import GrowingDatabase
from benchmarks.growth.found import Found, Load, Plan, Stop
from benchmarks.growth.loading import Loading, say
from benchmarks.growth.people import GUEST_LENGTHS, People, guests
from benchmarks.growth.room import Room
from benchmarks.growth.sizes import Sizes
from benchmarks.growth.stream import Maker, Stream
from benchmarks.growth.texts import Texts
from benchmarks.growth.verbs import measure
from benchmarks.surroundings import Surroundings
from recollect.settings import Settings

PARTITIONED_UPTO = 10_000_000
"""The second database, whose messages are partitioned, grows no larger."""

GUESTS = 120
"""New ones in each part of the load: one is at work in each round, the others come back one by one."""


async def run(server: str, plan: Plan, room: Room, settings: Settings) -> AsyncGenerator[Found]:
    """What is known, after each stop. The databases stay where they are."""
    began = time.monotonic()
    texts, people = Texts(), People(plan.users)
    maker = Maker(texts, settings)
    async with AsyncExitStack() as stack:
        empty = await _made(stack, server, "empty")
        full = await _made(stack, server, "full")
        partitioned = await _made(stack, server, "partitioned", plan.partitions) if plan.partitions else None
        found = Found(plan, await Surroundings.look(full.connection), _memory(), room.disk())
        [alone] = guests("alone", 1)
        for piece in Stream(people, maker).rows(sum(GUEST_LENGTHS), alone.talks):
            await empty.store(piece)
        await empty.settle()
        queries = queries_of(await said_by(empty.connection, alone.user), texts)
        stream = Stream(people, maker, processes=os.cpu_count() or 1)
        loading = Loading(stream, room, time.monotonic() + 60 * plan.minutes)
        say(room.forecast(plan.stops[-1]))
        for upto in plan.stops:
            if partitioned is not None and upto > PARTITIONED_UPTO and found.stops:
                await partitioned.clear()
                partitioned = None
            count = max(2, min(GUESTS, (upto - loading.messages) // (4 * sum(GUEST_LENGTHS))))
            came = guests(f"guests up to {upto}", count)
            say(f"loading up to {upto:,} messages …")
            databases = [full] if partitioned is None else [full, partitioned]
            loads, grown = await loading.fill(databases, upto, [talk for one in came for talk in one.talks])
            say("measuring …")
            visitors = Visitors(alone, came, queries, people.largest, texts)
            stop = await _look(loading, visitors, full, loads[0], plan.extent.rounds)
            stop.grown = grown[0]
            if partitioned is not None:
                stop.partitioned = (
                    await Sizes.look(partitioned.connection, loading.text_bytes, loading.messages),
                    loads[1],
                )
            async with opened(visitors, plan.extent.rounds, empty, full, partitioned) as asking:
                stop.costs.update(await measure(asking, plan.extent))
            found.stops.append(stop)
            found.ended = loading.ended
            found.surroundings.seconds = time.monotonic() - began
            yield found
            if loading.ended is not None:
                return


async def _made(stack: AsyncExitStack, server: str, name: str, partitions: int = 0) -> GrowingDatabase:
    database = await GrowingDatabase.make(server, name, partitions=partitions)
    stack.push_async_callback(database.close)
    return database


async def _look(loading: Loading, visitors: Visitors, full: GrowingDatabase, load: Load, rounds: int) -> Stop:
    """What there is to see before anybody asks."""
    return Stop(
        sizes=await Sizes.look(full.connection, loading.text_bytes, loading.messages),
        load=load,
        costs={},
        log=await log_of_an_append(visitors, full, rounds),
        pages=await pages_of_a_context(visitors, full, rounds),
        largest=await full.connection.fetchval(
            "SELECT sum(message_count)::bigint FROM recollect.conversation WHERE user_id = $1",
            visitors.largest,
        ),
    )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
