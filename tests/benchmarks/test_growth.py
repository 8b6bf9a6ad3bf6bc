"""What the growth benchmark loads is what appends would have written, so that it measures the product."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from benchmarks.growth.asking import queries_of, said_by
from benchmarks.growth.databases import SEARCH_INDEX, GrowingDatabase
from benchmarks.growth.people import GUEST_LENGTHS, People, guests
from benchmarks.growth.room import Room
from benchmarks.growth.stream import Maker, Stream
from benchmarks.growth.texts import Texts
from recollect.db.examine import examine
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.errors import NotFound
from recollect.models.message import NewMessage
from recollect.settings import Settings

MESSAGES = 3_000
GUESTS = guests("test", 2)

MISPLACED = """
SELECT count(*) FROM (
    SELECT m.seq, m.parent_seq, m.path_tokens, c.last_seq, c.head_seq, c.message_count, c.head_tokens,
           c.created_at, c.updated_at, c.linear, row_number() OVER walk AS place,
           sum(m.token_count) OVER walk AS tokens,
           count(*) OVER whole AS messages, sum(m.token_count) OVER whole AS all_tokens,
           min(m.created_at) OVER whole AS first, max(m.created_at) OVER whole AS latest
    FROM recollect.message AS m
    JOIN recollect.conversation AS c ON c.user_id = m.user_id AND c.id = m.conversation_id
    WHERE m.user_id <> 'appends'
    WINDOW whole AS (PARTITION BY m.user_id, m.conversation_id), walk AS (whole ORDER BY m.seq)
) AS each
WHERE seq <> place OR parent_seq <> place - 1 OR path_tokens <> tokens OR NOT linear
   OR (last_seq, head_seq, message_count) IS DISTINCT FROM (messages, messages, messages)
   OR head_tokens <> all_tokens OR created_at <> first OR updated_at <> latest
"""

# All that rows hold, but for whose they are and when they came.
MESSAGE = """
SELECT to_jsonb(m) - ARRAY['user_id', 'created_at'] AS row
FROM recollect.message AS m WHERE user_id = $1 AND conversation_id = $2 ORDER BY seq
"""
CONVERSATION = """
SELECT to_jsonb(c) - ARRAY['user_id', 'created_at', 'updated_at'] AS row
FROM recollect.conversation AS c WHERE user_id = $1 AND id = $2
"""


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts()


@pytest.fixture(scope="module")
async def filled(shared_url: str, texts: Texts) -> AsyncGenerator[GrowingDatabase]:
    """After a load in two parts: one with the search index in place, one without."""
    connection = await asyncpg.connect(**parse_url(shared_url).connect_args)
    database = GrowingDatabase(shared_url, connection)
    stream = Stream(People(50), Maker(texts, Settings.model_validate({})))
    await _load(database, stream, MESSAGES // 3)
    before = await connection.fetch(SEARCH_INDEX)
    await database.drop_search_index()
    await _load(database, stream, MESSAGES - MESSAGES // 3)
    await database.make_search_index(parallel=True)
    assert await connection.fetch(SEARCH_INDEX) == before
    yield database
    await connection.close()


async def _load(database: GrowingDatabase, stream: Stream, count: int) -> None:
    special = [talk for one in GUESTS for talk in one.talks] if count > MESSAGES // 2 else []
    for piece in stream.rows(count, special, size=400):
        await database.store(piece)


async def test_as_many_messages_are_there_as_were_asked_for_each_in_its_place(
    filled: GrowingDatabase,
) -> None:
    count = "SELECT count(*) FROM recollect.message WHERE user_id <> 'appends'"
    assert await filled.connection.fetchval(count) == MESSAGES
    assert await filled.connection.fetchval(MISPLACED) == 0


async def test_every_column_is_as_appends_of_the_same_write_it(
    filled: GrowingDatabase, shared_store: Recollect
) -> None:
    history = shared_store.for_user("appends")
    talks = await filled.connection.fetch(
        "SELECT user_id, id, title FROM recollect.conversation ORDER BY last_seq, id LIMIT 25"
    )
    seen: list[Any] = []
    for user, id, title in talks:
        loaded = await filled.connection.fetch(MESSAGE, user, id)
        said = await filled.connection.fetch(
            "SELECT role, text, key FROM recollect.message "
            "WHERE user_id = $1 AND conversation_id = $2 ORDER BY seq",
            *(user, id),
        )
        await history.create(id=id, title=title)
        for role, text, key in said:
            await history.append(id, NewMessage(role, text), key=key)
        assert await filled.connection.fetch(MESSAGE, "appends", id) == loaded
        conversation = await filled.connection.fetchrow(CONVERSATION, user, id)
        assert await filled.connection.fetchrow(CONVERSATION, "appends", id) == conversation
        seen += loaded
    # Each kind is among them: text that the parser finds alone, code, and another language.
    assert {'"terms": null' in row["row"] for row in seen} == {True, False}
    assert {'"language": null' in row["row"] for row in seen} == {True, False}


async def test_the_verbs_find_a_guest_as_if_it_had_said_everything_itself(
    filled: GrowingDatabase, shared_store: Recollect, texts: Texts
) -> None:
    guest, other = GUESTS
    history = shared_store.for_user(guest.user)
    assert len((await history.list(limit=100)).conversations) == len(GUEST_LENGTHS)
    listed = await history.list_messages(guest.listed, limit=50)
    assert [message.seq for message in listed.messages] == list(range(31, 81))
    window = await history.context(guest.rendered, max_tokens=8_000)
    assert window.last_seq == 80
    assert window.omitted > 0  # it is full
    said = await said_by(filled.connection, guest.user)
    assert said == await said_by(filled.connection, other.user)
    for query in queries_of(said, texts, 10):
        assert (await history.search(query, limit=10)).hits
    with pytest.raises(NotFound):
        await shared_store.for_user(other.user).get(guest.rendered)


async def test_the_doctor_is_content(filled: GrowingDatabase) -> None:
    found = await examine(filled.connection)
    assert [check for check in found if check.status != "ok"] == []


async def test_the_verbs_work_on_partitions_for_their_user_alone(database_url: str, texts: Texts) -> None:
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    try:
        database = GrowingDatabase(database_url, connection)
        await database.partition(4)
        await _load(database, Stream(People(50), Maker(texts, Settings.model_validate({}))), MESSAGES)
        assert (await connection.fetchval(MISPLACED)) == 0
        isolation = [check for check in await examine(connection) if check.name == "isolation"]
        assert [check.status for check in isolation] == ["ok"]
        async with Recollect.open(Settings.model_validate({"database_url": database_url})) as store:
            history = store.for_user(GUESTS[0].user)
            done = await history.append(GUESTS[0].grown, NewMessage("user", "a lighthouse at the quay"))
            assert [hit.seq for hit in (await history.search("lighthouse")).hits] == [done.last_seq]
    finally:
        await connection.close()


def test_conversations_made_by_other_processes_are_the_same(texts: Texts) -> None:
    maker = Maker(texts, Settings.model_validate({}))
    alone, helped = Stream(People(50), maker), Stream(People(50), maker, processes=2)
    for count in (4_000, 1_000):
        assert [*helped.rows(count, size=300)] == [*alone.rows(count, size=300)]


def test_a_load_that_ends_early_leaves_no_conversation_half_said(texts: Texts) -> None:
    stream = Stream(People(50), Maker(texts, Settings.model_validate({})))
    pieces = stream.rows(50_000, GUESTS[0].talks, size=500)
    first = next(pieces)
    stream.end()
    rest = [first, *pieces]
    promised = {row[1]: row[5] for piece in rest for row in piece.conversations}
    said = [row[1] for piece in rest for row in piece.messages]
    assert {id: said.count(id) for id in promised} == promised
    assert {talk.id for talk in GUESTS[0].talks} < promised.keys()
    assert len(said) < 20_000


def test_a_load_stops_before_it_takes_more_of_the_disk_than_it_may(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x" * 20_000)
    room = Room(tmp_path, most=1_000_000, spare=0)
    assert room.lacks(900_000) is None
    assert "may take 0.0 GB of disk" in (room.lacks(1_000_000) or "")
    assert "room for about" in Room(tmp_path, most=10**10).forecast(50_000_000)
    assert "stay so" in (Room(tmp_path, spare=10**18).lacks(1) or "")
