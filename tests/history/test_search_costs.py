"""What a search reads: the index, and of messages only its user's that fit. Counts, never times."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Generator

import asyncpg
import pytest

from recollect.db.database import Database
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.models.message import NewMessage
from recollect.models.tables import SEARCH_VECTOR
from recollect.settings import Settings
from tests.conftest import cloned_database, run_sql

OTHERS = 4_000

# Autovacuum would read too. Everybody says `harbour`; only alice says `lighthouse`, three times.
FILL = (
    "ALTER TABLE recollect.conversation SET (autovacuum_enabled = false)",
    "ALTER TABLE recollect.message SET (autovacuum_enabled = false)",
    f"""INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count)
    SELECT who, 'talk', size, size, size
    FROM (VALUES ('alice', 60), ('bob', {OTHERS})) AS each (who, size)""",
    """INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text)
    SELECT user_id, id, seq, seq - 1, 20, 'user',
           CASE WHEN seq % 20 = 7 AND user_id = 'alice' THEN 'a lighthouse at the harbour '
                ELSE 'the harbour is quiet ' END || seq
    FROM recollect.conversation, generate_series(1, last_seq) AS seq""",
)

LOOK = """SELECT
    (SELECT sum(coalesce(seq_scan, 0))::int FROM pg_stat_all_tables
        WHERE schemaname = 'recollect' AND relname IN ('message', 'conversation')) AS scans,
    (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_all_tables
        WHERE schemaname = 'recollect' AND relname = 'message') AS messages,
    (SELECT sum(idx_scan)::int FROM pg_stat_all_indexes
        WHERE schemaname = 'recollect' AND indexrelname = 'message_search_idx') AS asked"""


@pytest.fixture(scope="module", params=["with statistics", "without statistics"])
def filled_url(request: pytest.FixtureRequest, cluster: str, template: str) -> Generator[str]:
    with cloned_database(cluster, template) as url:
        run_sql(url, *FILL)
        if request.param == "with statistics":
            run_sql(url, "VACUUM (ANALYZE) recollect.conversation, recollect.message")
        yield url


@pytest.fixture(params=["generic", "custom"])
async def db(filled_url: str, request: pytest.FixtureRequest) -> AsyncGenerator[Database]:
    """The functions plan once for all queries; whether they would plan each makes no difference."""
    for function in ("search_v2", "search_keys_v2"):
        change = f"ALTER FUNCTION recollect.{function} SET plan_cache_mode = force_{request.param}_plan"
        await _run(filled_url, change)
    db = await Database.open(
        parse_url(filled_url), pool_size=1, connect_timeout=10, statement_timeout=10, max_idle=60
    )
    yield db
    await db.close()


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _look(db: Database, url: str) -> asyncpg.Record:
    # The counters of a connection become visible to others when it says so.
    await db.call("SELECT pg_stat_force_next_flush()", repeatable=True)
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(LOOK)
    await connection.close()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("query", "found", "most"),
    [
        ("lighthouse", 3, 3 * (1 + 5) + 3),  # each hit, its neighbourhood, and what is shown
        ("harbour", 10, 60 + 60 * 5 + 11),
        ('"a lighthouse at"', 3, 3 * (1 + 5) + 3),
        ("lighth*", 3, 3 * (1 + 5) + 3),
        ("harbour -quiet", 3, 60 + 60 + 60 * 5 + 11),
    ],
)
async def test_a_search_asks_the_index_and_reads_no_message_of_anybody_else(
    db: Database, filled_url: str, query: str, found: int, most: int
) -> None:
    alice = History(db, "alice", Settings.model_validate({}))
    await alice.search(query)
    before = await _look(db, filled_url)
    page = await alice.search(query)
    after = await _look(db, filled_url)
    assert len(page.hits) == found
    assert after["scans"] == before["scans"]
    assert after["asked"] > before["asked"]
    assert 0 < after["messages"] - before["messages"] <= most < OTHERS


async def test_a_search_in_many_messages_reads_a_bounded_part_of_them(db: Database, filled_url: str) -> None:
    """At most 1,000 of so few messages for a word, 300 neighbourhoods of five, and what is shown."""
    bob = History(db, "bob", Settings.model_validate({}))
    before = await _look(db, filled_url)
    assert len((await bob.search("harbour")).hits) == 10
    after = await _look(db, filled_url)
    assert after["messages"] - before["messages"] <= 2 * 1_000 + 300 * 5 + 11


async def test_users_share_no_word_of_the_index_but_with_their_bucket(db: Database, filled_url: str) -> None:
    """What the index lists under a word is read through by whoever searches for it."""
    words = f"array_agg(DISTINCT word) FROM recollect.message, unnest({SEARCH_VECTOR}) AS each (word)"
    connection = await asyncpg.connect(filled_url)
    rows = await connection.fetch(f"SELECT user_id, {words} GROUP BY user_id ORDER BY user_id")
    await connection.close()
    (alice, hers), (bob, his) = rows
    assert (alice, bob) == ("alice", "bob")
    assert {word[2:] for word in hers} & {word[2:] for word in his} >= {"harbour", "quiet"}
    assert not set(hers) & set(his)
    assert len({word[:2] for word in hers}) == len({word[:2] for word in his}) == 1


async def test_what_was_just_appended_is_found(db: Database) -> None:
    alice = History(db, "alice", Settings.model_validate({}))
    id = (await alice.create()).id
    await alice.append(id, NewMessage("user", f"a submarine {uuid.uuid4().hex}"))
    assert id in {hit.conversation_id for hit in (await alice.search("submarine")).hits}


async def test_appends_keep_the_list_short_that_every_search_reads(
    history: History, database_url: str
) -> None:
    """What is not sorted into the index yet; at the server's own limit it would have 512 pages."""
    id = (await history.create()).id
    texts = (" ".join(f"word{number}x{place}" for place in range(100)) for number in range(500))
    await history.append(id, [NewMessage("user", text) for text in texts])
    connection = await asyncpg.connect(database_url)
    pages = await connection.fetchval("SELECT gin_clean_pending_list('recollect.message_search_idx')")
    await connection.close()
    assert 0 < pages <= 33
