"""Search a user's messages, alone and beside those of others, and print how long it takes.

    python -m benchmarks.search [--sizes 1000 10000 100000] [--others 1000000]

Each message is about 75 words drawn from 30,000, frequent and rare as words of a language are; each
query is seven words of a message of the user, the frequent ones included, as a question has them.
`processor` is how long the server's process worked for one search: on a machine that does other things
too, it tells more than the clock. `ratio` is that of its median beside the others to that alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.message import NewMessage
from recollect.settings import Settings

WORDS = 30_000
WORDS_EACH = 75
QUERY_WORDS = 7
CONVERSATION = 50
BATCH = 10_000
WARM_UP = 20
HITS = 10

FREQUENT = """
    the to of and a in is it that for you was on with as be at have from this but by not or are he we
    what there can will if so would about which their been has when who more no them out do my up had
    her all just how then some into other time like very me now only could than over such also after
"""
"""Words that are everywhere: the index leaves them out."""

SYLLABLES = [
    begin + vowel + end
    for begin, vowel, end in itertools.product("bdfgklmnprstv", "aeiou", ("", "l", "m", "n", "r", "s"))
]


@dataclass(slots=True)
class Measured:
    """Searches of one user: the seconds of each by the clock, and those that the server worked for it."""

    size: int
    others: int
    clock: list[float]
    processor: list[float]

    def line(self, alone: Measured | None) -> str:
        ratio = "" if alone is None else f"{at(self.processor, 0.5) / at(alone.processor, 0.5):.2f}"
        figures = (at(seconds, share) for seconds in (self.clock, self.processor) for share in (0.5, 0.95))
        shown = "".join(f"{1000 * figure:>9.1f}" for figure in figures)
        return f"{self.size:>9,} {self.others:>10,}{shown}{ratio:>8}"


def at(seconds: list[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


HEADER = (
    f"{'':>20}{'clock':>18}{'processor':>18}\n"
    f"{'messages':>9} {'others':>10}{'p50 ms':>9}{'p95 ms':>9}{'p50 ms':>9}{'p95 ms':>9}{'ratio':>8}"
)


class Texts:
    """Messages and queries, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        made = ("".join(parts) for parts in itertools.product(SYLLABLES, repeat=2))
        rare = list(made)
        random.Random(1).shuffle(rare)
        self._frequent = set(FREQUENT.split())
        self._words = [*FREQUENT.split(), *rare][:WORDS]
        # The frequency of a word falls with its rank (Zipf, Mandelbrot).
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def message(self) -> str:
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=WORDS_EACH))

    def query(self, message: str) -> str:
        words = self._chance.sample(message.split(), QUERY_WORDS)
        return self.query(message) if set(words) <= self._frequent else " ".join(words)


def main() -> None:
    arguments = _arguments()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    with tempfile.TemporaryDirectory(prefix="rs", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            asyncio.run(_measure(server.ensure(), arguments))
        finally:
            server.release()
            stop(home)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--others", type=int, default=1_000_000, help="messages of other users")
    parser.add_argument("--searches", type=int, default=200, help="of each line of the table")
    return parser.parse_args()


async def _measure(url: str, arguments: argparse.Namespace) -> None:
    """Alone in a database of its own, then beside the others, who are stored once and copied."""
    alone: dict[int, Measured] = {}
    print(HEADER, flush=True)
    for size in arguments.sizes:
        async with _database(url, None) as its:
            alone[size] = await _one(its, size, 0, arguments.searches)
        print(alone[size].line(None), flush=True)
    if not arguments.others:
        return
    async with _database(url, None) as everybody:
        await _store_others(everybody, arguments.others)
        for size in arguments.sizes:
            async with _database(url, everybody) as its:
                measured = await _one(its, size, arguments.others, arguments.searches)
            print(measured.line(alone[size]), flush=True)


@asynccontextmanager
async def _database(url: str, template: str | None) -> AsyncGenerator[str]:
    """A migrated database, or a copy of one, dropped in the end."""
    its = f"search_{time.monotonic_ns()}"
    copied = "" if template is None else f" TEMPLATE {urlsplit(template).path[1:]}"
    await _run(url, f"CREATE DATABASE {its}{copied}")
    try:
        target = urlunsplit(urlsplit(url)._replace(path=f"/{its}"))
        if template is None:
            await asyncio.to_thread(migrate, parse_url(target))
        yield target
    finally:
        await _run(url, f"DROP DATABASE {its} WITH (FORCE)")


async def _store_others(url: str, count: int) -> None:
    texts = Texts(2)
    async with _opened(url) as store:
        for begin in range(0, count, 1_000):
            await _store(store.for_user(f"user-{begin}"), texts, min(1_000, count - begin))


async def _one(url: str, size: int, others: int, searches: int) -> Measured:
    """Store one user's messages, and search them on one connection."""
    texts = Texts(size)
    async with _opened(url) as store:
        history = store.for_user("asks")
        queries = await _store(history, texts, size, searches + WARM_UP)
        await _run(url, "VACUUM ANALYZE recollect.message")
        process = (await store.database.call("SELECT pg_backend_pid()", repeatable=True))[0][0]
        measured = Measured(size, others, [], [])
        for query in queries[:WARM_UP]:
            await history.search(query, limit=HITS)
        for query in queries[WARM_UP:]:
            worked, began = processor_time(process), time.perf_counter()
            await history.search(query, limit=HITS)
            measured.clock.append(time.perf_counter() - began)
            measured.processor.append(processor_time(process) - worked)
        return measured


async def _store(history: History, texts: Texts, count: int, queries: int = 0) -> list[str]:
    """Store messages in conversations; gives queries of words of some of them."""
    asked = set(random.Random(count).sample(range(count), min(count, queries)))
    made: list[str] = []
    for begin in range(0, count, BATCH):
        batch: list[NewMessage] = []
        for number in range(begin, min(count, begin + BATCH)):
            text = texts.message()
            batch.append(NewMessage("assistant" if number % 2 else "user", text))
            if number in asked:
                made.append(texts.query(text))
        for first in range(0, len(batch), CONVERSATION):
            id = f"talk-{begin + first}"
            await history.create(id=id)
            await history.append(id, batch[first : first + CONVERSATION])
    return made


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Recollect]:
    async with Recollect.open(Settings.model_validate({"database_url": url, "pool_size": 1})) as store:
        yield store


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def processor_time(process: int) -> float:
    """Seconds of processor time that a process has had so far; Linux tells."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    sys.exit(main())
