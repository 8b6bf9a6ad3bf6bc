"""One way to run statements: for one user, in as few round trips as can be, over connections that break."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from recollect.db.database import Database
from recollect.db.target import Target, parse_url
from recollect.models.errors import InvalidArgument, NotReady, OutcomeUnknown, Unavailable
from tests.tcp_proxy import TcpProxy, tcp_proxy

WHO = "SELECT current_user::text, session_user::text, current_setting('recollect.user_id', true)"


@asynccontextmanager
async def database(url: str, **options: Any) -> AsyncGenerator[Database]:
    limits: dict[str, Any] = {"pool_size": 5, "connect_timeout": 5, "statement_timeout": 10, "max_idle": 60}
    limits |= options
    db = await Database.open(parse_url(url, limits.pop("pooler", "none")), **limits)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    async with database(database_url) as opened:
        yield opened


@pytest.fixture
async def proxy(database_url: str) -> AsyncGenerator[TcpProxy]:
    async with tcp_proxy(database_url) as started:
        yield started


@pytest.fixture
async def admin(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def note(admin: asyncpg.Connection) -> None:
    """A table that the application's role may use."""
    await admin.execute(
        "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO recollect_app;"
        "CREATE TABLE app.note (id int PRIMARY KEY); GRANT ALL ON app.note TO recollect_app"
    )


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def others(admin: asyncpg.Connection, where: str = "true") -> int:
    return await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND {where}"
    )


# --- Who one is


STRANGE_USER_IDS = (
    "alice",
    "O'Hara",
    "''",
    "'; DROP TABLE app.note; --",
    "\\'; DROP TABLE app.note; --",
    "\\",
    "a\\nb\n\t",
    "\\x27\\047\\u0027",
    'dollar $1 $$ "quoted" %s {x}',
    "😀 Ωμέγα",
    "x" * 255,
    " ",
)


@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_any_user_id_arrives_as_it_is(database_url: str, note: None, conforming: str) -> None:
    setting = f"options=-c%20standard_conforming_strings%3D{conforming}"
    async with database(f"{database_url}{'&' if '?' in database_url else '?'}{setting}") as db:
        for user_id in STRANGE_USER_IDS:
            for transaction in (db.read, db.write):
                async with transaction(user_id) as tx:
                    assert await tx.fetchval("SELECT current_setting('recollect.user_id')") == user_id
                    assert await tx.fetchval("SELECT current_user::text") == "recollect_app"
                    assert await tx.fetchval("SELECT count(*) FROM app.note") == 0


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\0b", "\ud800"])
async def test_a_user_id_that_cannot_be_one_is_refused(db: Database, user_id: str) -> None:
    for transaction in (db.read, db.write):
        with pytest.raises(InvalidArgument) as refused:
            async with transaction(user_id):
                pass
        assert refused.value.argument == "user_id"


async def nobody(db: Database) -> None:
    async with db.system() as tx:
        row = await tx.fetchrow(WHO)
    assert row is not None
    assert row[0] == row[1], "the role leaked to the next use of the connection"
    assert not row[2], "the user leaked to the next use of the connection"


async def test_role_and_user_end_with_the_transaction(database_url: str) -> None:
    async with database(database_url, pool_size=1) as db:
        async with db.read("alice") as tx:
            assert await tx.fetchval("SELECT current_setting('recollect.user_id')") == "alice"
        await nobody(db)


async def test_role_and_user_end_with_an_error(database_url: str) -> None:
    async with database(database_url, pool_size=1) as db:

        async def fail(query: str) -> None:
            async with db.write("alice") as tx:
                await tx.fetch(query)
                raise LookupError

        for query, error in (("SELECT 1/0", asyncpg.DivisionByZeroError), ("SELECT 1", LookupError)):
            with pytest.raises(error):
                await fail(query)
            await nobody(db)


async def test_role_and_user_end_when_the_task_is_cancelled_at_any_point(database_url: str) -> None:
    async with database(database_url, pool_size=1) as db:

        async def work() -> None:
            async with db.write("alice") as tx:
                await tx.fetch("SELECT pg_sleep(0.002)")
                await tx.fetch("SELECT 1")

        await work()
        for step in range(40):
            task = asyncio.create_task(work())
            for _ in range(step // 2):
                await asyncio.sleep(0)
            if step % 2:
                await asyncio.sleep(0.0002 * step)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await nobody(db)
            assert await db.call("SELECT 1 AS one", repeatable=True) == [(1,)]


async def test_cancelling_a_call_stops_it_on_the_server(database_url: str, admin: asyncpg.Connection) -> None:
    async with database(database_url, pool_size=1) as db:
        task = asyncio.create_task(db.call("SELECT pg_sleep(60)", repeatable=True))

        async def runs() -> bool:
            return await others(admin, "state = 'active'") == 1

        async def stopped() -> bool:
            return await others(admin, "state = 'active'") == 0

        await until(runs)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(stopped)
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


# --- Reading and writing


async def test_a_write_is_kept_and_an_error_undoes_it(db: Database, note: None) -> None:
    async with db.write("alice") as tx:
        assert await tx.execute("INSERT INTO app.note VALUES ($1), (2)", 1) == "INSERT 0 2"

    async def change_the_mind() -> None:
        async with db.write("alice") as tx:
            await tx.execute("DELETE FROM app.note")
            raise LookupError

    with pytest.raises(LookupError):
        await change_the_mind()
    async with db.read("alice") as tx:
        assert [row["id"] for row in await tx.fetch("SELECT id FROM app.note ORDER BY id")] == [1, 2]
        assert await tx.fetchrow("SELECT id FROM app.note WHERE id = $1", 3) is None
        assert await tx.fetchval("SELECT id FROM app.note WHERE id = $1", 3) is None


async def test_a_read_cannot_write(db: Database, note: None) -> None:
    with pytest.raises(Unavailable):
        async with db.read("alice") as tx:
            await tx.fetch("INSERT INTO app.note VALUES (1) RETURNING id")
    async with db.read("alice") as tx:
        assert await tx.fetchval("SELECT count(*) FROM app.note") == 0


async def test_a_broken_constraint_is_for_the_verb_to_explain(db: Database, note: None) -> None:
    with pytest.raises(asyncpg.UniqueViolationError) as violation:
        async with db.write("alice") as tx:
            await tx.execute("INSERT INTO app.note VALUES (1), (1)")
    assert violation.value.constraint_name == "note_pkey"


async def test_a_swallowed_error_cannot_lose_a_write_silently(db: Database, note: None) -> None:
    async def swallow() -> None:
        async with db.write("alice") as tx:
            await tx.execute("INSERT INTO app.note VALUES (1)")
            with pytest.raises(asyncpg.DivisionByZeroError):
                await tx.execute("SELECT 1/0")

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallow()


async def test_a_call_is_one_round_trip_and_a_transaction_costs_two_more(proxy: TcpProxy) -> None:
    async with database(proxy.url) as db:

        async def read_one() -> None:
            async with db.read("alice") as tx:
                await tx.fetch("SELECT $1::int", 1)

        await read_one()
        await db.call("SELECT $1::int", 1, repeatable=True)
        proxy.round_trips = 0
        for number in range(10):
            await db.call("SELECT $1::int", number, repeatable=True)
        assert proxy.round_trips == 10
        proxy.round_trips = 0
        for _ in range(10):
            await read_one()
        assert proxy.round_trips == 30
        assert proxy.connections == 1


async def test_opening_costs_nothing_and_many_tasks_share_few_connections(proxy: TcpProxy) -> None:
    async with database(proxy.url, pool_size=3) as db:
        assert proxy.connections == 0
        calls = (db.call("SELECT $1::int", number, repeatable=True) for number in range(60))
        assert [rows[0][0] for rows in await asyncio.gather(*calls)] == list(range(60))
        assert proxy.connections == 3


# --- Connections that break


async def kill(admin: asyncpg.Connection) -> None:
    await admin.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


async def test_a_connection_that_died_unused_is_replaced_without_anybody_noticing(
    db: Database, admin: asyncpg.Connection, note: None
) -> None:
    for number in range(3):
        await db.call("SELECT 1", repeatable=False)
        await kill(admin)
        assert await db.call("SELECT 1", repeatable=False) == [(1,)]
        await kill(admin)
        async with db.write("alice") as tx:
            await tx.execute("INSERT INTO app.note VALUES ($1)", number)
        await kill(admin)
        async with db.read("alice") as tx:
            assert await tx.fetchval("SELECT count(*) FROM app.note") == number + 1


async def test_a_connection_that_died_a_moment_ago_is_noticed_before_anything_is_sent(
    database_url: str, db: Database, note: None
) -> None:
    def kill_while_the_event_loop_is_blocked() -> None:
        async def connect_and_kill() -> None:
            connection = await asyncpg.connect(**parse_url(database_url).connect_args)
            await kill(connection)
            await connection.close()

        thread = threading.Thread(target=lambda: asyncio.run(connect_and_kill()))
        thread.start()
        thread.join()

    insert = "INSERT INTO app.note VALUES ($1) RETURNING id"
    for number in range(5):
        await asyncio.gather(*(db.call("SELECT pg_sleep(0.02)", repeatable=True) for _ in range(2)))
        kill_while_the_event_loop_is_blocked()
        assert await db.call(insert, number, repeatable=False) == [(number,)]


async def test_a_call_that_broke_after_it_was_sent_is_repeated_only_if_that_is_safe(
    proxy: TcpProxy, admin: asyncpg.Connection
) -> None:
    await admin.execute("CREATE SEQUENCE counted")
    async with database(proxy.url) as db:
        query = "SELECT nextval('counted')"
        assert await db.call(query, repeatable=False) == [(1,)]
        proxy.cut_after_sends = 1
        with pytest.raises(OutcomeUnknown):
            await db.call(query, repeatable=False)
        assert await db.call(query, repeatable=False) == [(3,)]
        proxy.cut_after_sends = 1
        assert await db.call(query, repeatable=True) == [(5,)]


async def test_a_transaction_that_broke_says_whether_it_can_have_been_kept(
    proxy: TcpProxy, note: None
) -> None:
    async with database(proxy.url) as db:
        async with db.write("alice") as tx:
            await tx.execute("SELECT 1")
        proxy.cut_after_sends = 1  # the opening message: repeated on a new connection
        async with db.write("alice") as tx:
            await tx.execute("SELECT 1")

        async def break_before_the_commit() -> None:
            async with db.write("alice") as tx:
                proxy.cut_after_sends = 1
                await tx.execute("INSERT INTO app.note VALUES (1)")

        async def break_at_the_commit() -> None:
            async with db.write("alice") as tx:
                await tx.execute("INSERT INTO app.note VALUES (2)")
                proxy.cut_after_sends = 1

        async def break_a_read() -> None:
            async with db.read("alice") as tx:
                await tx.fetch("SELECT 1")
                proxy.cut_after_sends = 1

        with pytest.raises(OutcomeUnknown):
            await break_at_the_commit()
        for harmless in (break_before_the_commit, break_a_read):
            with pytest.raises(Unavailable) as broken:
                await harmless()
            assert not isinstance(broken.value, OutcomeUnknown)


async def test_a_backend_killed_while_it_works_is_unavailable(
    db: Database, admin: asyncpg.Connection
) -> None:
    async def attempt(repeatable: bool) -> None:
        task = asyncio.create_task(db.call("SELECT pg_sleep(3)", repeatable=repeatable))

        async def runs() -> bool:
            return await others(admin, "state = 'active'") == 1

        await until(runs)
        await kill(admin)
        await task

    with pytest.raises(OutcomeUnknown):
        await attempt(repeatable=False)
    await attempt(repeatable=True)


async def test_a_connection_that_hangs_ends_at_the_time_limit(proxy: TcpProxy) -> None:
    async with database(proxy.url, statement_timeout=0.3) as db:
        await db.call("SELECT 1", repeatable=True)
        proxy.freeze()
        with pytest.raises(Unavailable, match="RECOLLECT_STATEMENT_TIMEOUT"):
            await db.call("SELECT 1", repeatable=True)
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


@pytest.mark.parametrize("pooler", ["auto", "none", "transaction"])
async def test_a_slow_statement_is_stopped(database_url: str, pooler: str) -> None:
    """By the server where it is ours alone, which is certain; else by the client."""
    async with database(database_url, statement_timeout=0.2, pooler=pooler) as db:
        await db.call("SELECT 1", repeatable=True)
        # The first connection and the second may get the limit in different ways.
        slow = [db.call("SELECT pg_sleep(5)", repeatable=True) for _ in range(2)]
        for stopped in await asyncio.gather(*slow, return_exceptions=True):
            assert isinstance(stopped, Unavailable)
            assert "RECOLLECT_STATEMENT_TIMEOUT" in str(stopped)
            by_server = isinstance(stopped.__cause__, asyncpg.QueryCanceledError)
            assert by_server == (pooler != "transaction")
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


async def test_connections_that_are_opened_at_the_same_time_all_have_the_server_s_time_limit(
    database_url: str,
) -> None:
    ask = "SELECT current_setting('statement_timeout') FROM pg_sleep(0.05)"
    for _ in range(10):
        async with database(database_url, pooler="auto", statement_timeout=7) as db:
            told = await asyncio.gather(*(db.call(ask, repeatable=True) for _ in range(5)))
        assert [rows[0][0] for rows in told] == ["7s"] * 5


@pytest.mark.parametrize("pooler", ["auto", "none"])
async def test_whoever_waited_for_a_lock_goes_on_whatever_isolation_the_database_asks_for(
    database_url: str, admin: asyncpg.Connection, note: None, pooler: str
) -> None:
    await admin.execute("INSERT INTO app.note VALUES (0)")
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    async with database(database_url, pooler=pooler) as db:
        add = "UPDATE app.note SET id = id + 1"
        await asyncio.gather(*(db.call(add, repeatable=False) for _ in range(50)))
    assert await admin.fetchval("SELECT id FROM app.note") == 50


# --- The pool


async def test_waiting_for_a_connection_ends_and_names_the_setting(database_url: str) -> None:
    async with database(database_url, pool_size=1, statement_timeout=0.2) as db:
        async with db.read("alice") as tx:
            with pytest.raises(Unavailable, match="RECOLLECT_POOL_SIZE"):
                await db.call("SELECT 1", repeatable=True)
            await tx.fetch("SELECT 1")
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


async def test_a_cancelled_wait_loses_no_connection(database_url: str) -> None:
    async with database(database_url, pool_size=1) as db:
        for step in range(12):
            async with db.read("alice"):
                waiting = [asyncio.create_task(db.call("SELECT 1", repeatable=True)) for _ in range(3)]
                await asyncio.sleep(0)
            for _ in range(step // 3):
                await asyncio.sleep(0)
            waiting[step % 3].cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert [(1,)] in results
        assert await asyncio.wait_for(db.call("SELECT 1", repeatable=True), 5) == [(1,)]


async def test_who_waits_gets_the_place_of_a_connection_that_broke(
    database_url: str, admin: asyncpg.Connection
) -> None:
    async with database(database_url, pool_size=1) as db:

        async def hold() -> None:
            async with db.read("alice") as tx:
                waiting.extend(asyncio.create_task(db.call("SELECT 1", repeatable=False)) for _ in range(3))
                await asyncio.sleep(0)
                await kill(admin)
                await tx.fetch("SELECT 1")

        waiting: list[asyncio.Task[list[asyncpg.Record]]] = []
        with pytest.raises(Unavailable):
            await hold()
        async with asyncio.timeout(5):
            assert await asyncio.gather(*waiting) == [[(1,)]] * 3
        await asyncio.gather(*(db.call("SELECT pg_sleep(0.05)", repeatable=True) for _ in range(4)))
        assert await others(admin) == 1


async def test_unused_connections_are_closed(database_url: str, admin: asyncpg.Connection) -> None:
    async def none_left() -> bool:
        return await others(admin) == 0

    async with database(database_url, max_idle=0.2) as db:
        await asyncio.gather(*(db.call("SELECT pg_sleep(0.05)", repeatable=True) for _ in range(3)))
        assert await others(admin) == 3
        await until(none_left)
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


async def test_closing_lets_work_finish_and_refuses_new_work(
    database_url: str, admin: asyncpg.Connection
) -> None:
    async with database(database_url) as db:
        working = asyncio.create_task(db.call("SELECT pg_sleep(0.3), 7", repeatable=True))

        async def runs() -> bool:
            return await others(admin, "state = 'active'") == 1

        await until(runs)
        closing = asyncio.create_task(db.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="shutting down"):
            await db.call("SELECT 1", repeatable=True)
        assert (await working)[0][1] == 7
        await closing


async def test_closing_does_not_wait_longer_than_told(database_url: str) -> None:
    async with database(database_url) as db:
        working = asyncio.create_task(db.call("SELECT pg_sleep(30)", repeatable=False))
        await db.call("SELECT 1", repeatable=True)
        started = time.monotonic()
        await db.close(timeout=0.2)
        assert time.monotonic() - started < 2
        with pytest.raises(Unavailable):
            await working


# --- Connecting


async def test_a_database_that_wakes_up_is_waited_for(database_url: str) -> None:
    async with tcp_proxy(database_url) as proxy:
        await proxy.stop()
        async with database(proxy.url) as db:
            call = asyncio.create_task(db.call("SELECT 1", repeatable=False))
            await asyncio.sleep(0.2)
            assert not call.done()
            await proxy.start()
            assert await call == [(1,)]


async def test_a_database_that_stays_away_is_unavailable_after_the_time_limit(
    proxy: TcpProxy, tmp_path: object
) -> None:
    await proxy.stop()
    for url in (proxy.url, f"postgresql://nobody@/x?host={tmp_path}"):
        started = time.monotonic()
        async with database(url, connect_timeout=0.3) as db:
            with pytest.raises(Unavailable, match="nothing answers"):
                await db.call("SELECT 1", repeatable=True)
        assert time.monotonic() - started < 3


async def test_the_attempt_that_said_most_is_told() -> None:
    attempts = 0

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Break the first attempt off, and leave the next without an answer until the time limit."""
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            await released.wait()
        writer.close()

    released = asyncio.Event()
    async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with database(f"postgresql://nobody@127.0.0.1:{port}/x", connect_timeout=1) as db:
            with pytest.raises(Unavailable, match="breaks while it is set up; does sslmode fit"):
                await db.call("SELECT 1", repeatable=True)
        assert attempts > 1
        released.set()


async def test_what_waiting_cannot_mend_is_refused_at_once(database_url: str) -> None:
    target = parse_url(database_url).connect_args
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"user": "no_such_role", "password": "hunter2"}, "refused the user or password"),
        ({"database": "no_such_database"}, "does not exist"),
        ({"server_settings": {"no.such": "x", "nonsense": "y"}}, "parameters after"),
    ]
    for change, text in wrong:
        db = await Database.open(
            Target({**target, **change}, "none"),
            pool_size=1,
            connect_timeout=30,
            statement_timeout=30,
            max_idle=60,
        )
        started = time.monotonic()
        with pytest.raises(NotReady, match=text) as refused:
            await db.call("SELECT 1", repeatable=True)
        assert time.monotonic() - started < 5
        assert "hunter2" not in str(refused.value)
        assert str(target["host"]) not in str(refused.value)
        await db.close()


async def test_a_dead_embedded_server_is_revived_once_for_all_who_wait(database_url: str) -> None:
    revived = 0
    async with tcp_proxy(database_url) as dead, tcp_proxy(database_url) as alive:

        async def revive() -> Target:
            nonlocal revived
            revived += 1
            await asyncio.sleep(0.05)
            return parse_url(alive.url, "none")

        async with database(dead.url, before_connect=revive) as db:
            await asyncio.gather(*(db.call("SELECT pg_sleep(0.05)", repeatable=True) for _ in range(4)))
            assert revived == 0
            await dead.stop()
            rows = await asyncio.gather(*(db.call("SELECT 1", repeatable=False) for _ in range(4)))
            assert rows == [[(1,)]] * 4
            assert revived == 1


async def test_a_database_without_our_schema_says_which_command_to_run(
    empty_database_url: str,
) -> None:
    async with database(empty_database_url) as db:
        for query in ("SELECT recollect.no_such_function()", "SELECT * FROM recollect.no_such_table"):
            with pytest.raises(NotReady, match="recollect migrate"):
                await db.call(query, repeatable=True)


async def test_a_role_that_may_not_act_for_us_says_what_to_grant(
    database_url: str, admin: asyncpg.Connection
) -> None:
    await admin.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN PASSWORD 'strange'")
    try:
        arguments = {**parse_url(database_url).connect_args, "user": "stranger", "password": "strange"}
        db = await Database.open(
            Target(arguments, "none"), pool_size=1, connect_timeout=5, statement_timeout=5, max_idle=60
        )
        with pytest.raises(NotReady, match="GRANT recollect_app"):
            async with db.read("alice"):
                pass
        await db.close()
    finally:
        await admin.execute("DROP ROLE stranger")
