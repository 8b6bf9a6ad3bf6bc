"""Ask every question of the labelled set, each way, and print how often the answer is among the first.

    python -m benchmarks.retrieval [URL MODEL]

URL, MODEL: also by meaning, with what an OpenAI-compatible endpoint makes of the messages.
Recall at k: the share of questions whose one message that answers is among the first k.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import asyncpg

from benchmarks.retrieval.labelled import Person, people
from benchmarks.retrieval.others import OTHERS, Corpus
from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage
from recollect.settings import Settings

CUTS = (5, 10, 25, 50)
OURS = "search"
BY_MEANING = "by meaning too"
SPACE = 20

Ranks = dict[str, dict[str, list[int]]]
"""By method and language, the place of each answer, counted from 0; `MISSED` where it was not found."""

MISSED = 10**6


def main() -> None:
    for name in [name for name in os.environ if name.startswith("RECOLLECT_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ["RECOLLECT_CONFIG"] = os.devnull
    provider: dict[str, str] = dict(zip(("embeddings_url", "embeddings_model"), sys.argv[1:], strict=False))
    with tempfile.TemporaryDirectory(prefix="rr", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            ranks = asyncio.run(_measure(server.ensure(), home, provider))
        finally:
            server.release()
            stop(home)
    for line in table(ranks):
        print(line)


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
        places = [place for each in by_language.values() for place in each]
        lines.append(f"{name:<{SPACE}}{_recalls(places)}")
    lines.append("")
    for name in (OURS, BY_MEANING):
        for language, places in ranks.get(name, {}).items():
            lines.append(f"{f'{name}, {language}':<{SPACE}}{_recalls(places)}   {len(places)} questions")
    return lines


def _recalls(places: list[int]) -> str:
    return "".join(f"{100 * sum(place < cut for place in places) / len(places):>7.1f}%" for cut in CUTS)


if __name__ == "__main__":
    main()
