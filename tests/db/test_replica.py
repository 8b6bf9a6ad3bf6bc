"""Searches and lists go to the replica; a turn's own reads, and whatever fails there, to the primary."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recollect.db import connect
from recollect.db.database import Database
from recollect.db.replica import Replica
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument, NotFound, NotReady, Unavailable
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.conftest import on_database, run_sql
from tests.db.servers import query, wait_until
from tests.db.standby import Standby, standby

NOWHERE = "postgresql://nobody@/nothing?host=/nowhere"
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(scope="module")
def follower() -> Generator[Standby]:
    with standby() as follower:
        yield follower


@asynccontextmanager
async def opened(follower: Standby, replica: str | None = None) -> AsyncGenerator[Recollect]:
    """A store of the primary with a replica, looked at already if it can be used."""
    given = {"database_url": follower.primary, "replica_url": replica or follower.url, "pool_size": 3}
    with pytest.MonkeyPatch.context() as patch:
        if replica is None:
            # On a busy machine a test would otherwise see the product's patience: two seconds to
            # connect, and thirty of rest after them.
            patch.setattr(connect, "CONNECT_SECONDS", 30.0)
            patch.setattr(connect, "WAIT_SECONDS", 30.0)
            patch.setattr(connect, "Replica", functools.partial(Replica, rest=0.05))
        async with Recollect.open(Settings.model_validate(given)) as store:
            await store.for_user("nobody").list()  # somebody has to ask first
            if replica is None:
                await until_used(store)
            yield store


async def until_used(store: Recollect) -> None:
    """Until a list of the store comes from its replica."""
    before = store.counts.replica["answered"]
    async with asyncio.timeout(20):
        while store.counts.replica["answered"] == before:
            await store.for_user("nobody").list()


@pytest.fixture
async def store(follower: Standby) -> AsyncGenerator[Recollect]:
    async with opened(follower) as store:
        yield store


async def ids(history: History, **how: Any) -> set[str]:
    return {conversation.id for conversation in (await history.list(**how)).conversations}


async def test_what_a_replica_does_not_know_yet_only_lists_and_searches_miss(
    follower: Standby, store: Recollect
) -> None:
    alice = store.for_user("alice")
    await alice.create(id="old")
    await alice.append("old", NewMessage("user", "the harbour of Porto"))
    await follower.pause()
    try:
        turn = await alice.open_turn(NewMessage("user", "the harbour of Faro"), key="1")
        await alice.append(turn.conversation_id, NewMessage("assistant", "It is in the south."))

        assert await ids(alice) == {"old"}
        assert {hit.conversation_id for hit in (await alice.search("harbour", context=1)).hits} == {"old"}

        assert await ids(alice, fresh=True) == {"old", turn.conversation_id}
        assert [one.id for one in await alice.stale(TOMORROW)] == [turn.conversation_id, "old"]
        assert (await alice.get(turn.conversation_id)).last_seq == 2
        assert (await alice.list_messages(turn.conversation_id)).last_seq == 2
        assert (await alice.read_message(turn.conversation_id, 2)).text == "It is in the south."
        assert "in the south" in (await alice.context(turn.conversation_id)).text
        recalled = await alice.context("old", query="where is the harbour of Faro?")
        assert turn.conversation_id in {message.conversation_id for message in recalled.recalled}
        assert turn.conversation_id in "".join([piece async for piece in alice.export()])
    finally:
        await follower.resume()
    assert await ids(alice) == {"old", turn.conversation_id}
    assert len((await alice.search("harbour")).hits) == 2
    assert store.counts.replica["failed"] == 0


async def test_another_user_sees_nothing_on_the_replica_either(follower: Standby, store: Recollect) -> None:
    carol, dave = store.for_user("carol"), store.for_user("dave")
    await carol.create(id="hers", title="hers")
    await carol.append("hers", NewMessage("user", "a secret"))
    await follower.catch_up()
    before = store.counts.replica["answered"]
    assert await ids(carol) == {"hers"}
    assert len((await carol.search("secret")).hits) == 1
    assert await ids(dave) == set()
    assert await ids(dave, title="hers") == set()
    assert (await dave.search("secret")).hits == []
    assert (await dave.search("secret", conversation_id="hers")).hits == []
    with pytest.raises(NotFound):
        await dave.get("hers")
    assert store.counts.replica["answered"] == before + 6


async def test_calls_go_on_while_the_replica_is_killed_and_it_is_used_again_later(follower: Standby) -> None:
    limits: dict[str, Any] = {"pool_size": 3, "connect_timeout": 1, "statement_timeout": 10, "max_idle": 60}
    beside = await Database.open(parse_url(follower.url), **limits)
    replica = Replica(beside, _is_standby, rest=0.05)
    db = await Database.open(parse_url(follower.primary), **limits, replica=replica)
    erin = History(db, "erin", Settings.model_validate({}))
    store = Recollect(db, Settings.model_validate({}))
    await erin.create(id="hers")
    await erin.append("hers", NewMessage("user", "a harbour"))
    await follower.catch_up()
    await until_used(store)

    async def ask() -> int:
        asked = 0
        while not stopped.is_set():
            assert await ids(erin) == {"hers"}
            assert len((await erin.search("harbour")).hits) == 1
            asked += 1
        return asked

    stopped = asyncio.Event()
    tasks = [asyncio.create_task(ask()) for _ in range(3)]
    await asyncio.to_thread(follower.stop)
    try:
        stopped.set()
        assert min(await asyncio.gather(*tasks)) > 0
        assert store.counts.replica["failed"] > 0
        assert await ids(erin) == {"hers"}
    finally:
        await asyncio.to_thread(follower.start)
    await until_used(store)
    await db.close()


async def test_a_read_that_the_replica_gives_up_for_news_is_the_primarys(
    follower: Standby, store: Recollect
) -> None:
    reads: list[str] = []

    async def work(db: Database) -> int:
        async with db.read("alice") as tx:
            standby = await tx.fetchval("SELECT pg_is_in_recovery()")
            reads.append("replica" if standby else "primary")
            return await tx.fetchval(f"SELECT count(*) FROM recollect.message, pg_sleep({20 * standby})")

    locks = "SELECT count(*) FROM pg_locks WHERE relation = 'recollect.message'::regclass"
    reading = asyncio.create_task(store.database.anywhere(work))
    await asyncio.to_thread(wait_until, lambda: reading.done() or query(follower.url, locks)[0][0] > 0)
    # A standby has to follow: with no delay allowed, who reads the table there has to stop.
    await asyncio.to_thread(run_sql, follower.primary, "BEGIN; LOCK TABLE recollect.message; COMMIT")
    await reading
    assert reads == ["replica", "primary"]
    before = store.counts.replica["answered"]
    await ids(store.for_user("alice"))
    assert store.counts.replica["answered"] == before + 1


async def test_what_is_too_slow_there_is_not_tried_again_on_the_primary(follower: Standby) -> None:
    limits: dict[str, Any] = {"pool_size": 1, "connect_timeout": 2, "max_idle": 60}
    beside = await Database.open(parse_url(follower.url), **limits, statement_timeout=0.2)
    db = await Database.open(
        parse_url(follower.primary), **limits, statement_timeout=20, replica=Replica(beside, _is_standby)
    )
    await until_used(Recollect(db, Settings.model_validate({})))
    asked: list[Database] = []

    async def work(database: Database) -> object:
        asked.append(database)
        return await database.call("SELECT pg_sleep(10)", repeatable=True)

    with pytest.raises(Unavailable, match="RECOLLECT_STATEMENT_TIMEOUT"):
        await db.anywhere(work)
    assert asked == [beside]
    await db.close()


@pytest.mark.parametrize("why", ["nothing answers there", "it has no schema"])
async def test_a_replica_that_cannot_be_used_is_said_once_and_the_primary_answers(
    follower: Standby, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    url = NOWHERE if why == "nothing answers there" else without_schema(follower.url)
    async with opened(follower, url) as store:
        frank = store.for_user(f"frank, where {why}")
        await frank.create(id="his")
        async with asyncio.timeout(10):
            while not caplog.records:
                assert await ids(frank) == {"his"}
        assert await ids(frank) == {"his"}
        assert not store.counts.replica
    assert [(record.levelno, record.name) for record in caplog.records] == [
        (logging.WARNING, "recollect.db.replica")
    ]
    said = caplog.text
    assert "the primary answers" in said
    assert "RECOLLECT_DATABASE_URL" not in said
    assert "/nowhere" not in said


async def test_a_replica_url_that_makes_no_sense_is_refused_by_name(follower: Standby) -> None:
    with pytest.raises(InvalidArgument, match="replica_url: must start with postgresql://"):
        async with opened(follower, "mysql://somewhere"):
            pass
    alone = Settings.model_validate({"replica_url": follower.url})
    with pytest.raises(InvalidArgument, match="replica_url: needs database_url"):
        async with Recollect.open(alone):
            pass


def test_doctor_says_how_the_replica_does(follower: Standby, cluster: str) -> None:
    code, check = doctor(follower.primary, follower.url)
    assert (code, check["status"]) == (0, "ok")
    assert re.search("^PostgreSQL .*, a hot standby, (up to date|[0-9]+ bytes of log behind)", check["says"])
    for replica, status, says in (
        (follower.primary, "warning", "accepts writes, so it is the primary"),
        (NOWHERE, "warning", "nothing answers there"),
    ):
        code, check = doctor(follower.primary, replica)
        assert (code, check["status"]) == (0, status)
        assert says in check["says"]
        assert "RECOLLECT_DATABASE_URL" not in check["says"]
    for other in (doctor(cluster, follower.url), doctor(follower.primary, without_schema(follower.url))):
        assert (other[0], other[1]["status"]) == (1, "failed")
        assert "a hot standby of another database" in other[1]["says"]


def without_schema(url: str) -> str:
    return on_database(url, "postgres")


def doctor(database: str, replica: str) -> tuple[int, dict[str, str]]:
    """Its exit code, and its check of the replica."""
    environment = os.environ | {"RECOLLECT_DATABASE_URL": database, "RECOLLECT_REPLICA_URL": replica}
    ran = subprocess.run(
        [sys.executable, "-m", "recollect", "doctor", "--json"],
        env={**environment, "RECOLLECT_CONNECT_TIMEOUT": "1"},
        capture_output=True,
        check=False,
    )
    return ran.returncode, {check["name"]: check for check in json.loads(ran.stdout)["checks"]}["replica"]


async def _is_standby(db: Database) -> None:
    async with db.system() as tx:
        if not await tx.fetchval("SELECT pg_is_in_recovery()"):
            raise NotReady("no standby")
