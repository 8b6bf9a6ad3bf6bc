"""Ask every question of the labelled set, each way, and print how often the answer is among the first.

    python -m benchmarks.retrieval [--wordllama] [--write]
    python -m benchmarks.retrieval URL MODEL

--wordllama: by meaning too, with the small model WordLlama, which is installed in an environment of its own.
URL, MODEL: the same with what an OpenAI-compatible endpoint makes of the messages.
--write: the tables of docs/search.md too; the second one with --wordllama.
Recall at k: the share of questions whose one message that answers is among the first k.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg

from benchmarks.retrieval.labelled import Person, people
from benchmarks.retrieval.others import OTHERS, Corpus
from benchmarks.sections import DOCS, write_section
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.settings import Settings
from scripts import environment

DOCUMENT = DOCS / "search.md"
PROGRAMS = Path(__file__).parent / "programs"
WORDLLAMA = "wordllama==0.4.0.post1"

CUTS = (5, 10, 25, 50)
OURS = "search"
BY_MEANING = "by meaning too"
SPACE = 24

Ranks = dict[str, dict[str, list[int]]]
"""By method and language, the place of each answer, counted from 0; `MISSED` where it was not found."""

MISSED = 10**6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval")
    parser.add_argument("url", nargs="?", help="of an OpenAI-compatible endpoint for embeddings")
    parser.add_argument("model", nargs="?", help="its model")
    parser.add_argument("--wordllama", action="store_true", help="start one, with the model WordLlama")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/search.md")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    with contextlib.ExitStack() as stack:
        if given.wordllama:
            given.url, given.model = stack.enter_context(wordllama()), WORDLLAMA
        provider = {"embeddings_url": given.url, "embeddings_model": given.model} if given.model else {}
        ranks = _in_a_database_of_its_own(provider)
    for line in table(ranks):
        print(line)
    if given.write:
        write_section(DOCUMENT, "recall", markdown(ranks, (OURS, *OTHERS)))
        if given.wordllama:
            write_section(DOCUMENT, "recall by meaning", markdown(ranks, (OURS, BY_MEANING)))


@contextlib.contextmanager
def wordllama() -> Generator[str]:
    """The URL of a server of embeddings on loopback."""
    command = [environment.kept("wordllama", [WORDLLAMA]), PROGRAMS / "wordllama_server.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.terminate()


def _in_a_database_of_its_own(provider: dict[str, str]) -> Ranks:
    with tempfile.TemporaryDirectory(prefix="rr", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            return asyncio.run(_measure(server.ensure(), home, provider))
        finally:
            server.release()
            stop(home)


async def _measure(url: str, home: Path, provider: dict[str, str]) -> Ranks:
    ranks: Ranks = {name: {} for name in (OURS, *([BY_MEANING] if provider else []), *OTHERS)}
    async with (
        Recollect.open(Settings.model_validate({"home": home})) as store,
        Recollect.open(Settings.model_validate({"home": home, **provider})) as by_meaning,
    ):
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            for person in people():
                history = store.for_user(person.user)
                await _store(history, person)
                corpus = await Corpus.of(connection, person)
                if provider:
                    await by_meaning.embed(person.user)
                for question in person.questions:
                    found = {OURS: await _ours(history, question.text)}
                    if provider:
                        found[BY_MEANING] = await _ours(by_meaning.for_user(person.user), question.text)
                    for name, method in OTHERS.items():
                        found[name] = await method(corpus, question.text, max(CUTS))
                    for name, places in found.items():
                        rank = places.index(question.evidence) if question.evidence in places else MISSED
                        ranks[name].setdefault(question.language, []).append(rank)
        finally:
            await connection.close()
    return ranks


async def _store(history: History, person: Person) -> None:
    for id, said in person.conversations.items():
        await history.create(id=id)
        await history.append(
            id, [NewMessage("assistant" if seq % 2 else "user", text) for seq, text in enumerate(said)]
        )


async def _ours(history: History, question: str) -> list[tuple[str, int]]:
    try:
        found = await history.search(question, limit=max(CUTS))
    except InvalidArgument:
        return []
    return [(hit.conversation_id, hit.seq) for hit in found.hits]


def table(ranks: Ranks) -> list[str]:
    """The lines of the result."""
    lines = [" " * SPACE + "".join(f"{f'at {cut}':>8}" for cut in CUTS)]
    for name, by_language in ranks.items():
        lines.append(f"{name:<{SPACE}}{_aligned(_together(by_language))}")
    lines.append("")
    for name in (OURS, BY_MEANING):
        for language, places in ranks.get(name, {}).items():
            lines.append(f"{f'{name}, {language}':<{SPACE}}{_aligned(places)}   {len(places)} questions")
    return lines


def markdown(ranks: Ranks, methods: tuple[str, ...]) -> str:
    """The same for a document, all languages together."""
    rows: list[tuple[str, ...]] = [("", *(f"at {cut}" for cut in CUTS)), ("---",) * (1 + len(CUTS))]
    rows += [(name, *(f"{recall:.1f} %" for recall in _recalls(_together(ranks[name])))) for name in methods]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _together(by_language: dict[str, list[int]]) -> list[int]:
    return [place for places in by_language.values() for place in places]


def _aligned(places: list[int]) -> str:
    return "".join(f"{recall:>7.1f}%" for recall in _recalls(places))


def _recalls(places: list[int]) -> list[float]:
    return [100 * sum(place < cut for place in places) / len(places) for cut in CUTS]


if __name__ == "__main__":
    main()
