"""Ask every question of the labelled set, each way, and print how often the answer is among the first.

    python -m benchmarks.retrieval [--wordllama] [--write]
    python -m benchmarks.retrieval URL MODEL

--wordllama: by meaning too, with the small model WordLlama, which is installed in an environment of its own.
URL, MODEL: the same with what an OpenAI-compatible endpoint makes of the messages.
--write: the tables of docs/search.md too; the second one with --wordllama.
Recall at k: the share of questions whose one message that answers is among the first k. In a context: the
share of those for which it stands in what `load_context` gives of the person's latest conversation, asked the
question with a budget of 4,000 tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.embeddings import served
from benchmarks.retrieval.labelled import Person, Question, people
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
WORDLLAMA = "wordllama==0.4.0.post1"

CUTS = (5, 10, 25, 50)
OURS = "search"
BY_MEANING = "by meaning too"
SPACE = 24
CONTEXT_TOKENS = 4_000

Ranks = dict[str, dict[str, list[int]]]
"""By method and language, the place of each answer, counted from 0; `MISSED` where it was not found."""

MISSED = 10**6


@dataclass(slots=True)
class Found:
    """in_context: by method, whether each answer stands in a context."""

    ranks: Ranks
    in_context: dict[str, list[bool]]


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
            python = environment.kept("wordllama", [WORDLLAMA])
            given.url, given.model = stack.enter_context(served("wordllama", python)), WORDLLAMA
        provider = {"embeddings_url": given.url, "embeddings_model": given.model} if given.model else {}
        found = _in_a_database_of_its_own(provider)
    for line in table(found):
        print(line)
    if given.write:
        write_section(DOCUMENT, "recall", markdown(found, (OURS, *OTHERS)))
        if given.wordllama:
            write_section(DOCUMENT, "recall by meaning", markdown(found, (OURS, BY_MEANING)))


def _in_a_database_of_its_own(provider: dict[str, str]) -> Found:
    with tempfile.TemporaryDirectory(prefix="rr", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        server = EmbeddedPostgres(home)
        try:
            return asyncio.run(_measure(server.ensure(), home, provider))
        finally:
            server.release()
            stop(home)


async def _measure(url: str, home: Path, provider: dict[str, str]) -> Found:
    ours = (OURS, *([BY_MEANING] if provider else []))
    ranks: Ranks = {name: {} for name in (*ours, *OTHERS)}
    in_context: dict[str, list[bool]] = {name: [] for name in ours}
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
                histories = dict(zip(ours, (history, by_meaning.for_user(person.user)), strict=False))
                for question in person.questions:
                    found: dict[str, list[tuple[str, int]]] = {}
                    for name, its in histories.items():
                        found[name] = await _ours(its, question.text)
                        in_context[name].append(await _is_in_context(its, person, question))
                    for name, method in OTHERS.items():
                        found[name] = await method(corpus, question.text, max(CUTS))
                    for name, places in found.items():
                        rank = places.index(question.evidence) if question.evidence in places else MISSED
                        ranks[name].setdefault(question.language, []).append(rank)
        finally:
            await connection.close()
    return Found(ranks, in_context)


async def _is_in_context(history: History, person: Person, question: Question) -> bool:
    latest = list(person.conversations)[-1]
    window = await history.context(latest, max_tokens=CONTEXT_TOKENS, query=question.text)
    id, seq = question.evidence
    return person.conversations[id][seq - 1] in window.text


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


def table(found: Found) -> list[str]:
    """The lines of the result."""
    ranks = found.ranks
    lines = [" " * SPACE + "".join(f"{f'at {cut}':>8}" for cut in CUTS)]
    for name, by_language in ranks.items():
        lines.append(f"{name:<{SPACE}}{_aligned(_together(by_language))}")
    lines.append("")
    for name in (OURS, BY_MEANING):
        for language, places in ranks.get(name, {}).items():
            lines.append(f"{f'{name}, {language}':<{SPACE}}{_aligned(places)}   {len(places)} questions")
    lines += [f"{_in_a_context(found, name)} in a context, {name}" for name in found.in_context]
    return lines


def markdown(found: Found, methods: tuple[str, ...]) -> str:
    """The same for a document, all languages together."""
    header = ("", *(f"at {cut}" for cut in CUTS), f"in a context of {CONTEXT_TOKENS:,} tokens")
    rows: list[tuple[str, ...]] = [header, ("---",) * len(header)]
    for name in methods:
        recalls = (f"{recall:.1f} %" for recall in _recalls(_together(found.ranks[name])))
        rows.append((name, *recalls, _in_a_context(found, name)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _in_a_context(found: Found, name: str) -> str:
    """Empty for a method that makes none."""
    shown = found.in_context.get(name, [])
    return f"{100 * sum(shown) / len(shown):.1f} %" if shown else ""


def _together(by_language: dict[str, list[int]]) -> list[int]:
    return [place for places in by_language.values() for place in places]


def _aligned(places: list[int]) -> str:
    return "".join(f"{recall:>7.1f}%" for recall in _recalls(places))


def _recalls(places: list[int]) -> list[float]:
    return [100 * sum(place < cut for place in places) / len(places) for cut in CUTS]


if __name__ == "__main__":
    main()
