"""Other ways to search the same messages: what an application would write first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from benchmarks.retrieval.labelled import Person

Place = tuple[str, int]

TABLE = """
CREATE SCHEMA IF NOT EXISTS other;
CREATE TABLE IF NOT EXISTS other.message (
    user_id text, conversation_id text, seq integer, words tsvector,
    PRIMARY KEY (user_id, conversation_id, seq)
)
"""

INSERT = "INSERT INTO other.message VALUES ($1, $2, $3, to_tsvector('english', $4))"

ALL_WORDS = """
SELECT conversation_id, seq FROM other.message, websearch_to_tsquery('english', $2) AS query
WHERE user_id = $1 AND words @@ query ORDER BY ts_rank(words, query) DESC, conversation_id, seq LIMIT $3
"""

ANY_WORD = """
SELECT conversation_id, seq
FROM other.message, CAST(replace(plainto_tsquery('english', $2)::text, '&', '|') AS tsquery) AS query
WHERE user_id = $1 AND words @@ query ORDER BY ts_rank(words, query) DESC, conversation_id, seq LIMIT $3
"""

LEXEMES = """
SELECT conversation_id, seq, lexeme, cardinality(positions) AS often
FROM other.message, unnest(words) WHERE user_id = $1
"""

K1, B = 1.2, 0.75


@dataclass
class Corpus:
    """One person's messages, in a table of their own, and as counted stems for BM25."""

    connection: asyncpg.Connection[asyncpg.Record]
    user: str
    stems: dict[Place, Counter[str]] = field(default_factory=dict[Place, Counter[str]])
    messages_with: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    async def of(cls, connection: asyncpg.Connection[asyncpg.Record], person: Person) -> Corpus:
        corpus = cls(connection, person.user)
        await connection.execute(TABLE)
        for id, said in person.conversations.items():
            await connection.executemany(
                INSERT, [(person.user, id, seq, text) for seq, text in enumerate(said, start=1)]
            )
            corpus.stems |= {(id, seq): Counter() for seq in range(1, len(said) + 1)}
        for id, seq, lexeme, often in await connection.fetch(LEXEMES, person.user):
            corpus.stems[id, seq][lexeme] = often
            corpus.messages_with[lexeme] += 1
        return corpus


async def all_words(corpus: Corpus, question: str, limit: int) -> list[Place]:
    return [
        (row[0], row[1]) for row in await corpus.connection.fetch(ALL_WORDS, corpus.user, question, limit)
    ]


async def any_word(corpus: Corpus, question: str, limit: int) -> list[Place]:
    return [(row[0], row[1]) for row in await corpus.connection.fetch(ANY_WORD, corpus.user, question, limit)]


async def bm25(corpus: Corpus, question: str, limit: int) -> list[Place]:
    asked: list[str] = await corpus.connection.fetchval(
        "SELECT tsvector_to_array(to_tsvector('english', $1))", question
    )
    count = len(corpus.stems)
    average = sum(sum(stems.values()) for stems in corpus.stems.values()) / count
    scores: dict[Place, float] = {}
    for place, stems in corpus.stems.items():
        norm = K1 * (1 - B + B * sum(stems.values()) / average)
        score = sum(
            math.log(1 + (count - corpus.messages_with[stem] + 0.5) / (corpus.messages_with[stem] + 0.5))
            * stems[stem]
            * (K1 + 1)
            / (stems[stem] + norm)
            for stem in asked
            if stems[stem]
        )
        if score:
            scores[place] = score
    return sorted(scores, key=lambda place: (-scores[place], place))[:limit]


OTHERS: dict[str, Callable[[Corpus, str, int], Awaitable[list[Place]]]] = {
    "all words, ts_rank": all_words,
    "any word, ts_rank": any_word,
    "BM25, stemmed, exact": bm25,
}
