"""Search a user's messages, alone and beside those of others, and print how long it takes.

    python -m benchmarks.search [--sizes 1000 10000 100000] [--others 1000000] [--write]

Each message is about 75 words drawn from 30,000, frequent and rare as words of a language are; each
query is seven words of a message of the user, the frequent ones included, as a question has them.
The processor's time is how long the server's process worked for one search: on a machine that does other
things too, it tells more than the clock. With `--write`, the section of docs/search.md about it is written.
About ten minutes.
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
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.search_report import Measured, section, write
from benchmarks.surroundings import Surroundings
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
    with server() as quiet, server() as busy:
        measured, surroundings = asyncio.run(_measure(quiet, busy, arguments))
    print(section(measured, surroundings))
    if arguments.write:
        write(measured, surroundings)


@contextmanager
def server() -> Generator[str]:
    """A PostgreSQL of its own, with buffers of its own."""
    with tempfile.TemporaryDirectory(prefix="rs", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        postgres = EmbeddedPostgres(home)
        try:
            yield postgres.ensure()
        finally:
            postgres.release()
            stop(home)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--others", type=int, default=1_000_000, help="messages of other users")
    parser.add_argument("--searches", type=int, default=200, help="of each line of the table")
    parser.add_argument("--write", action="store_true", help="write the section of docs/search.md")
    return parser.parse_args()


async def _measure(
    quiet: str, busy: str, arguments: argparse.Namespace
) -> tuple[list[Measured], Surroundings]:
    """Alone on one server, and beside the others, who are stored once and copied, on the other."""
    began = time.monotonic()
    async with connected(quiet) as connection:
        surroundings = await Surroundings.look(connection)
    measured: list[Measured] = []
    async with database(busy, None) as everybody:
        await _store_others(everybody, arguments.others)
        for size in arguments.sizes:
            async with database(quiet, None) as alone, database(busy, everybody) as beside:
                measured += await _both(alone, beside, size, arguments.others, arguments.searches)
    surroundings.seconds = time.monotonic() - began
    return measured, surroundings


@asynccontextmanager
async def database(url: str, template: str | None) -> AsyncGenerator[str]:
    """A migrated database, or a copy of one, dropped in the end."""
    its = f"search_{time.monotonic_ns()}"
    copied = "" if template is None else f" TEMPLATE {urlsplit(template).path[1:]}"
    await run(url, f"CREATE DATABASE {its}{copied}")
    try:
        target = urlunsplit(urlsplit(url)._replace(path=f"/{its}"))
        if template is None:
            await asyncio.to_thread(migrate, parse_url(target))
        yield target
    finally:
        await run(url, f"DROP DATABASE {its} WITH (FORCE)")


async def _store_others(url: str, count: int) -> None:
    texts = Texts(2)
    async with opened(url) as store:
        for begin in range(0, count, 1_000):
            await store_messages(store.for_user(f"user-{begin}"), texts, min(1_000, count - begin))


async def _both(alone: str, beside: str, size: int, others: int, searches: int) -> list[Measured]:
    """Store one user's messages in both databases, and search them in turns, each on one connection:
    a machine that is slower for a while is so for both."""
    async with opened(alone) as one, opened(beside) as other:
        by_itself = Measured(size, 0, None, [], [])
        pair = {by_itself: one, Measured(size, others, by_itself, [], []): other}
        processes: dict[Measured, int] = {}
        queries: list[str] = []
        for measured, store in pair.items():
            queries = await store_messages(store.for_user("asks"), Texts(size), size, searches + WARM_UP)
            processes[measured] = (await store.database.call("SELECT pg_backend_pid()", repeatable=True))[0][
                0
            ]
        for url in (alone, beside):
            await run(url, "VACUUM ANALYZE recollect.message")
            await run(url, "CHECKPOINT")
        for count, query in enumerate(queries):
            for measured, store in pair.items():
                worked, began = processor_time(processes[measured]), time.perf_counter()
                await store.for_user("asks").search(query, limit=HITS)
                if count >= WARM_UP:
                    measured.clock.append(time.perf_counter() - began)
                    measured.processor.append(processor_time(processes[measured]) - worked)
        for measured in pair:
            print("  ".join(measured.cells()), flush=True)
        return list(pair)


async def store_messages(history: History, texts: Texts, count: int, queries: int = 0) -> list[str]:
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
async def opened(url: str) -> AsyncGenerator[Recollect]:
    async with Recollect.open(Settings.model_validate({"database_url": url, "pool_size": 1})) as store:
        yield store


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        yield connection
    finally:
        await connection.close()


async def run(url: str, statement: str) -> None:
    async with connected(url) as connection:
        await connection.execute(statement)


def processor_time(process: int) -> float:
    """Seconds of processor time that a process has had so far; Linux tells."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    sys.exit(main())
