"""Whoever connects, statements run as recollect_app and for one user; and no connection remembers
the user before, whatever happened to him."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from recollect.db.database import Database
from recollect.db.schema import SEARCH_FUNCTIONS, TABLES
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.history.store import Recollect
from recollect.models.errors import AlreadyExists, HeadMoved, InvalidArgument, NotReady
from recollect.models.message import NewMessage
from recollect.settings import Settings
from tests.conftest import run_sql

POWERS = {
    "a superuser": "SUPERUSER",
    "an owner with BYPASSRLS": "BYPASSRLS",
    "a member of recollect_app": "",
}


@pytest.fixture(params=POWERS)
def role_url(request: pytest.FixtureRequest, database_url: str) -> Generator[str]:
    """The database as a role of each kind, gone afterwards."""
    role = f"role_{uuid.uuid4().hex[:12]}"
    run_sql(
        database_url,
        f"CREATE ROLE {role} LOGIN PASSWORD '{role}' {POWERS[request.param]}",
        # All that the owner of the schema has by itself.
        f"GRANT recollect_app TO {role}",
        f"GRANT ALL ON SCHEMA recollect TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA recollect TO {role}",
    )
    parts = urlsplit(database_url)
    host = (parts.netloc.rpartition("@")[2]) or ""
    yield urlunsplit(parts._replace(netloc=f"{role}:{role}@{host}"))
    run_sql(database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def open_database(url: str, statement_timeout: float = 10) -> Database:
    """A database with a single connection."""
    return await Database.open(
        parse_url(url), pool_size=1, connect_timeout=10, statement_timeout=statement_timeout, max_idle=60
    )


WHO = "SELECT current_user::text, current_setting('recollect.user_id'), current_setting('row_security')"


async def test_transactions_run_as_the_application_s_role_and_its_user(role_url: str) -> None:
    db = await open_database(role_url)
    try:
        async with db.read("al'ice\\") as tx:
            assert tuple(await tx.fetchrow(WHO) or ()) == ("recollect_app", "al'ice\\", "on")
        async with db.write("bob") as tx:
            assert tuple(await tx.fetchrow(WHO) or ()) == ("recollect_app", "bob", "on")
    finally:
        await db.close()


async def test_a_connecting_role_that_could_bypass_row_security_does_not(
    history: History, role_url: str
) -> None:
    await history.create(id="talk")
    await history.append("talk", NewMessage("user", "secret"))
    db = await open_database(role_url)
    try:
        async with db.write("bob") as tx:
            for table in TABLES:
                assert await tx.fetch(f"SELECT * FROM recollect.{table}") == []
                assert await tx.execute(f"DELETE FROM recollect.{table}") == "DELETE 0"
            assert await tx.execute("UPDATE recollect.conversation SET title = 'x'") == "UPDATE 0"
    finally:
        await db.close()
    async with Recollect.open(Settings.model_validate({"database_url": role_url})) as store:
        assert (await store.for_user("bob").list()).conversations == []
        assert (await store.for_user("alice").get("talk")).message_count == 1


async def test_functions_belong_to_the_application_s_role(database_url: str) -> None:
    """So that row security holds inside them for a superuser's call too (see test_second_lock). One
    belongs to the search role, which sees all rows, and gives places and scores but no words."""
    connection = await asyncpg.connect(database_url)
    try:
        found = await connection.fetch(
            """SELECT DISTINCT CASE WHEN proname = ANY($1) THEN 'searching' END AS function,
                pg_get_userbyid(proowner) AS owner, prosecdef,
                proconfig @> '{"search_path=pg_catalog, pg_temp"}' AS safe_path,
                has_function_privilege('public', oid, 'EXECUTE') AS open
            FROM pg_proc WHERE pronamespace = 'recollect'::regnamespace ORDER BY owner""",
            list(SEARCH_FUNCTIONS),
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in found] == [
        (None, "recollect_app", True, True, False),
        ("searching", "recollect_search", True, True, False),
    ]


async def test_a_role_that_may_not_act_as_the_application_is_refused(database_url: str) -> None:
    role = f"stranger_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2]
    await asyncio.to_thread(
        run_sql,
        database_url,
        f"CREATE ROLE {role} LOGIN PASSWORD '{role}'",
        f"GRANT USAGE ON SCHEMA recollect TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA recollect TO {role}",
    )
    url = urlunsplit(parts._replace(netloc=f"{role}:{role}@{host}"))
    try:
        with pytest.raises(NotReady, match=f"GRANT recollect_app TO {role}"):
            async with Recollect.open(Settings.model_validate({"database_url": url})):
                pass
    finally:
        await asyncio.to_thread(run_sql, database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


class _Stop(Exception):
    """Somebody's error in the middle of a transaction."""


async def _write(db: Database, statement: str, error: Exception | None = None) -> None:
    """Run a statement as alice, then raise an error."""
    async with db.write("alice") as tx:
        await tx.execute("UPDATE recollect.conversation SET title = 'half'")
        await tx.execute(statement)
        if error is not None:
            raise error


async def _write_on(db: Database) -> None:
    """Run a statement that fails as alice, and go on as if nothing had happened."""
    async with db.write("alice") as tx:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await tx.execute("SELECT 1 / 0")


async def _fail_in_a_statement(db: Database, history: History) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await _write(db, "SELECT 1 / 0")


async def _fail_between_statements(db: Database, history: History) -> None:
    with pytest.raises(_Stop):
        await _write(db, "SELECT 1", _Stop())


async def _swallow_an_error(db: Database, history: History) -> None:
    with pytest.raises(RuntimeError, match="nothing was committed"):
        await _write_on(db)


async def _cancel_a_transaction(db: Database, history: History) -> None:
    backend = asyncio.get_running_loop().create_future()

    async def hang() -> None:
        async with db.write("alice") as tx:
            await tx.execute("UPDATE recollect.conversation SET title = 'half'")
            backend.set_result(await tx.fetchval("SELECT pg_backend_pid()"))
            await tx.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(hang())
    await _sleeps(db, await backend)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _sleeps(db: Database, backend: int) -> None:
    """Wait until that backend is in pg_sleep. A request to cancel that comes before the statement is
    lost; then the connection is closed in the end, which is right, but not what is under test."""
    watcher = await db.open_direct()
    assert watcher is not None
    try:
        await watcher.execute(f"""
            DO $$ BEGIN
                WHILE NOT EXISTS (
                    SELECT FROM pg_stat_activity WHERE pid = {backend} AND wait_event = 'PgSleep'
                ) LOOP
                    PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
                END LOOP;
            END $$
        """)
    finally:
        await watcher.close()


async def _cancel_while_it_opens(db: Database, history: History) -> None:
    for turns in range(6):
        task = asyncio.create_task(_read(db, "alice"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))


async def _cancel_a_call(db: Database, history: History) -> None:
    for turns in range(6):
        task = asyncio.create_task(history.list_messages("hers"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))


async def _fail_in_a_function(db: Database, history: History) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await db.call(
            "SELECT recollect.append_v2($1, 'hers', '{}', '{}', '{}', '{}', '{}', '{}', '{}', "
            "NULL, NULL, NULL, false, NULL, '{}', '{}')",
            "alice",
            repeatable=False,
        )


async def _be_refused(db: Database, history: History) -> None:
    with pytest.raises(AlreadyExists):
        await history.create(id="hers")
    with pytest.raises(HeadMoved):
        await history.append("hers", NewMessage("user", "x"), expected_head=0)
    with pytest.raises(InvalidArgument):
        async with db.write("\x00"):
            pass


async def _succeed(db: Database, history: History) -> None:
    await history.append("hers", NewMessage("user", "x"))
    await history.context("hers")
    await history.update("hers", title="x")


async def _read(db: Database, user: str) -> None:
    async with db.read(user) as tx:
        await tx.fetch("SELECT * FROM recollect.conversation")


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "happen",
    [
        _succeed,
        _be_refused,
        _fail_in_a_statement,
        _fail_between_statements,
        _swallow_an_error,
        _fail_in_a_function,
        _cancel_a_transaction,
        _cancel_while_it_opens,
        _cancel_a_call,
    ],
)
async def test_the_next_user_of_a_connection_sees_nothing_of_the_one_before(
    db: Database, settings: Settings, happen: Callable[[Database, History], Awaitable[None]]
) -> None:
    alice, bob = History(db, "alice", settings), History(db, "bob", settings)
    await alice.create(id="hers", title="hers")
    await alice.append("hers", NewMessage("user", "secret"))
    await bob.create(id="his")
    backend = await db.call("SELECT pg_backend_pid()", repeatable=True)

    await happen(db, alice)

    async with db.system() as tx:
        row = await tx.fetchrow(
            "SELECT current_user = session_user, coalesce(current_setting('recollect.user_id', true), '')"
        )
        assert tuple(row or ()) == (True, "")
    async with db.read("bob") as tx:
        assert [row[0] for row in await tx.fetch("SELECT id FROM recollect.conversation")] == ["his"]
        assert await tx.fetch("SELECT * FROM recollect.message") == []
    assert [one.id for one in (await bob.list()).conversations] == ["his"]
    assert (await alice.get("hers")).title in ("hers", "x")
    assert await db.call("SELECT pg_backend_pid()", repeatable=True) == backend, "it was another connection"
