"""Search a user's messages by words, and by meaning too, and print what each costs.

    python -m benchmarks.meaning [--sizes 1000 10000 100000] [--write]

Messages and queries are those of `benchmarks.search`. The vectors have 384 numbers and are drawn, not made by
a model: what comparing them costs does not depend on what they say. They come from a provider on loopback in
a process of its own, whose answers belong to the clock's figures. With `--write`, the section of
docs/search.md about it is written. About five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass, field

from benchmarks.embeddings import served
from benchmarks.search import (
    HITS,
    WARM_UP,
    Texts,
    connected,
    database,
    opened,
    processor_time,
    run,
    server,
    store_messages,
)
from benchmarks.search_report import DOCUMENT, at
from benchmarks.sections import write_section
from benchmarks.surroundings import Surroundings
from recollect.db import pgvector
from recollect.history.store import Recollect
from recollect.settings import Settings

NUMBERS = 384
SECTION = "cost by meaning"
HEADER = (
    "messages of the user",
    "by words: clock, p50",
    "processor, p50",
    "by meaning too: clock, p50",
    "processor, p50",
    "times",
)


@dataclass(slots=True)
class Searches:
    """The seconds of each by the clock, and those that the server worked for it."""

    clock: list[float] = field(default_factory=list[float])
    processor: list[float] = field(default_factory=list[float])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.meaning")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--searches", type=int, default=100, help="of each kind and size")
    parser.add_argument("--write", action="store_true", help="write the section of docs/search.md")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    with server() as url, served(str(NUMBERS)) as provider:
        section = asyncio.run(_measure(url, provider, given.sizes, given.searches))
    print(section)
    if given.write:
        write_section(DOCUMENT, SECTION, section)


async def _measure(url: str, provider: str, sizes: list[int], searches: int) -> str:
    began = time.monotonic()
    async with connected(url) as connection:
        surroundings = await Surroundings.look(connection)
    rows = [HEADER, ("---",) * len(HEADER)]
    for size in sizes:
        async with database(url, None) as its:
            async with connected(its) as connection:
                await pgvector.make(connection)
            rows.append(await _row(its, provider, size, searches))
            print("  ".join(rows[-1]), flush=True)
    surroundings.seconds = time.monotonic() - began
    return "\n\n".join(
        [
            "\n".join(f"- {line}" for line in surroundings.lines()),
            "\n".join(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


async def _row(url: str, provider: str, size: int, searches: int) -> tuple[str, ...]:
    """Both kinds in turns, in one database: a machine that is slower for a while is so for both."""
    given = {"database_url": url, "pool_size": 1, "embeddings_url": provider, "embeddings_model": "drawn"}
    async with opened(url) as by_words, Recollect.open(Settings.model_validate(given)) as by_meaning:
        queries = await store_messages(by_words.for_user("asks"), Texts(size), size, searches + WARM_UP)
        assert await by_meaning.embed("asks") == size
        for table in ("message", "embedding"):
            await run(url, f"VACUUM ANALYZE recollect.{table}")
        await run(url, "CHECKPOINT")
        kinds = {store: Searches() for store in (by_words, by_meaning)}
        pids = {store: await _process(store) for store in kinds}
        for count, query in enumerate(queries):
            for store, made in kinds.items():
                worked, began = processor_time(pids[store]), time.perf_counter()
                await store.for_user("asks").search(query, limit=HITS)
                if count >= WARM_UP:
                    made.clock.append(time.perf_counter() - began)
                    made.processor.append(processor_time(pids[store]) - worked)
        medians = [at(seconds, 0.5) for made in kinds.values() for seconds in (made.clock, made.processor)]
    times = f"{medians[3] / medians[1]:.1f}"
    return (f"{size:,}", *(f"{1000 * median:.1f} ms" for median in medians), times)


async def _process(store: Recollect) -> int:
    """Of the server, behind the store's one connection."""
    return (await store.database.call("SELECT pg_backend_pid()", repeatable=True))[0][0]


if __name__ == "__main__":
    sys.exit(main())
