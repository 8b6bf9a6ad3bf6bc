"""Migrating as the people who really do it: superusers, plain owners, several processes at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from recollect.db import migrations
from recollect.db.embedded.binaries import find_binaries
from recollect.db.migrate import HEAD, Migrated, current_revision, migrate, script
from recollect.db.schema import TABLES
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.models.errors import InvalidArgument, NotReady, Unavailable
from recollect.settings import Settings
from tests.conftest import on_database, run_sql
from tests.db.catalog import facts
from tests.db.conftest import new_database
from tests.db.servers import OLDEST, as_role, query, wait_until

MIGRATE = "import sys; from recollect.db.migrate import migrate; from recollect.db.target import parse_url; "


def owned_by(server: str, attributes: str) -> str:
    """The URL of a new database as its owner, a new role."""
    run_sql(server, f"CREATE ROLE db_owner LOGIN {attributes}")
    return as_role(new_database(server, "db_owner"), "db_owner")


def may_use(url: str) -> None:
    """Write and read as the URL's role does at run time: the hot path, and a transaction of a user."""
    run_sql(
        url,
        """
        BEGIN; SET LOCAL ROLE recollect_app; SET LOCAL recollect.user_id = 'alice';
        INSERT INTO recollect.conversation (user_id, id) VALUES ('alice', 'c');
        COMMIT
        """,
    )
    append = """
        SELECT outcome FROM recollect.append_v1(
            $1, 'c', '{user}', '{NULL}', '{hello}', '{NULL}', '{1}', '{NULL}', '{NULL}',
            NULL, NULL, NULL, false
        )
    """
    assert query(url, append, "alice")[0]["outcome"] == "appended"
    assert query(url, append, "bob")[0]["outcome"] == "missing"
    window = "SELECT text FROM recollect.window_v1($1, 'c', 100, 100)"
    assert [row["text"] for row in query(url, window, "alice")] == [None, "hello"]
    assert query(url, window, "bob") == []


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


@pytest.mark.parametrize(
    "attributes",
    ["SUPERUSER", "NOSUPERUSER CREATEROLE", "NOSUPERUSER CREATEROLE BYPASSRLS"],
)
def test_an_owner_can_migrate_and_then_use_it(server: str, attributes: str) -> None:
    url = owned_by(server, attributes)
    assert migrate(parse_url(url)) == Migrated(None, HEAD, "db_owner")
    may_use(url)


@pytest.mark.parametrize("attributes", ["CREATEROLE", "NOCREATEROLE"])
def test_the_owner_sees_no_row_by_itself(server: str, attributes: str) -> None:
    url = owned_by(server, attributes)
    if attributes == "NOCREATEROLE":
        with pytest.raises(NotReady, match="administrator") as refusal:
            migrate(parse_url(url))
        run_sql(on_database(server, url_database(url)), *statements_of(refusal.value))
    migrate(parse_url(url))
    may_use(url)
    for table in TABLES:
        assert query(url, f"SELECT * FROM recollect.{table}") == []


def test_an_owner_who_saw_all_rows_does_so_no_more(oldest_only: str) -> None:
    """As every owner on PostgreSQL 15 once did, where memberships cannot be granted without INHERIT."""
    url = owned_by(oldest_only, "CREATEROLE")
    migrate(parse_url(url))
    may_use(url)
    run_sql(oldest_only, "GRANT recollect_search TO db_owner")
    assert len(query(url, "SELECT * FROM recollect.message")) == 1
    migrate(parse_url(url))
    assert query(url, "SELECT * FROM recollect.message") == []


def test_migrating_again_changes_nothing(server: str) -> None:
    url = owned_by(server, "CREATEROLE")
    migrate(parse_url(url))
    before = facts(url, "db_owner")
    assert migrate(parse_url(url)) == Migrated(HEAD, HEAD, "db_owner")
    assert facts(url, "db_owner") == before


def test_it_says_nothing_by_itself(newest_only: str, capfd: pytest.CaptureFixture[str]) -> None:
    migrate(parse_url(new_database(newest_only)))
    assert capfd.readouterr() == ("", "")


def test_several_processes_may_migrate_one_database_at_once(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    assert sorted(in_processes([url] * 3)) == [f"{HEAD} {HEAD}"] * 2 + [f"None {HEAD}"]
    may_use(url)


def test_several_databases_of_a_server_may_be_migrated_at_once(server: str) -> None:
    first = owned_by(server, "CREATEROLE")
    urls = [first] + [as_role(new_database(server, "db_owner"), "db_owner") for _ in range(2)]
    assert in_processes(urls) == [f"None {HEAD}"] * 3
    for url in urls:
        may_use(url)


def in_processes(urls: list[str]) -> list[str]:
    """Migrate each URL in a process of its own, all at once: revision before and after."""
    show = "done = migrate(parse_url(sys.argv[1])); print(done.before, done.after)"
    # They wait for a line, so that importing does not spread them out.
    command = [
        sys.executable,
        "-c",
        MIGRATE + "import alembic.command; print('-', flush=True); input(); " + show,
    ]
    processes = [
        subprocess.Popen([*command, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for url in urls
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "-\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]


@pytest.mark.parametrize("attributes", ["NOCREATEROLE", "NOCREATEROLE BYPASSRLS"])
def test_who_may_not_create_roles_is_told_what_an_administrator_has_to_run(
    server: str, attributes: str
) -> None:
    url = owned_by(server, attributes)
    with pytest.raises(NotReady, match="administrator") as refusal:
        migrate(parse_url(url))
    statements = statements_of(refusal.value)
    assert len(statements) == (6 if is_old(server) else 4)
    run_sql(on_database(server, url_database(url)), *statements)
    migrate(parse_url(url))
    may_use(url)


def test_who_does_not_own_the_database_is_told_what_an_administrator_has_to_run(server: str) -> None:
    run_sql(server, "CREATE ROLE guest LOGIN")
    database = new_database(server)
    url = as_role(database, "guest")
    with pytest.raises(NotReady, match="CREATE SCHEMA recollect AUTHORIZATION guest;") as refusal:
        migrate(parse_url(url))
    run_sql(database, *statements_of(refusal.value))
    migrate(parse_url(url))
    may_use(url)


def test_a_second_owner_on_a_server_is_told_what_an_administrator_has_to_run(server: str) -> None:
    migrate(parse_url(owned_by(server, "CREATEROLE")))
    run_sql(server, "CREATE ROLE other_owner LOGIN NOCREATEROLE")
    url = as_role(new_database(server, "other_owner"), "other_owner")
    with pytest.raises(NotReady, match="administrator") as refusal:
        migrate(parse_url(url))
    statements = statements_of(refusal.value)
    assert [statement.split()[0] for statement in statements] == ["GRANT", "GRANT"]
    run_sql(server, *statements)
    migrate(parse_url(url))
    may_use(url)


def test_a_role_that_bypasses_row_security_is_refused(newest_only: str) -> None:
    run_sql(newest_only, "CREATE ROLE recollect_app BYPASSRLS")
    with pytest.raises(NotReady, match="ALTER ROLE recollect_app NOSUPERUSER NOBYPASSRLS;"):
        migrate(parse_url(owned_by(newest_only, "CREATEROLE")))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(newest_only: str, encoding: str) -> None:
    run_sql(newest_only, f"CREATE DATABASE test_old ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(NotReady, match=f"is {encoding}, and Recollect needs UTF8"):
        migrate(parse_url(on_database(newest_only, "test_old")))


def test_only_the_owner_of_the_schema_may_migrate_it(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    migrate(parse_url(url))
    run_sql(newest_only, "CREATE ROLE stranger LOGIN", "GRANT recollect_app, recollect_search TO stranger")
    with pytest.raises(NotReady, match="belongs to db_owner and you are stranger"):
        migrate(parse_url(as_role(url, "stranger")))


def test_a_schema_of_somebody_else_with_the_same_name_is_left_alone(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    run_sql(url, "CREATE SCHEMA recollect", "CREATE TABLE recollect.message (body text)")
    with pytest.raises(NotReady, match="that no migration of Recollect made"):
        migrate(parse_url(url))
    assert [
        row[0] for row in query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'recollect'")
    ] == ["message"]


def test_the_script_does_in_psql_what_the_migration_does(server: str) -> None:
    scripted = owned_by(server, "CREATEROLE")
    migrated = as_role(new_database(server, "db_owner"), "db_owner")
    migrate(parse_url(migrated))
    psql(server, scripted, script())
    assert facts(scripted, "db_owner") == facts(migrated, "db_owner")
    psql(server, scripted, script(to="base", since="head"))
    assert facts(scripted, "db_owner") == facts(new_database(server, "db_owner"), "db_owner")


def test_the_script_runs_for_who_became_the_owner_with_set_role(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    as_superuser = on_database(newest_only, url_database(url))
    psql(newest_only, as_superuser, "SET ROLE db_owner;\n" + script())
    may_use(url)


def test_downgrading_to_base_leaves_nothing_behind(server: str) -> None:
    url = owned_by(server, "CREATEROLE")
    migrate(parse_url(url))
    may_use(url)
    assert migrate(parse_url(url), "base") == Migrated(HEAD, None, "db_owner")
    assert query(url, "SELECT FROM pg_namespace WHERE nspname = 'recollect'") == []
    assert query(url, "SELECT FROM pg_roles WHERE rolname LIKE 'recollect\\_%'") == []
    assert migrate(parse_url(url), "base") == Migrated(None, None, "db_owner")
    assert migrate(parse_url(url)) == Migrated(None, HEAD, "db_owner")


def test_downgrading_keeps_roles_that_another_database_uses(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    other = as_role(new_database(newest_only, "db_owner"), "db_owner")
    migrate(parse_url(url))
    migrate(parse_url(other))
    migrate(parse_url(url), "base")
    may_use(other)


def test_a_schema_that_a_newer_version_made_is_not_touched(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    migrate(parse_url(url))
    run_sql(url, "UPDATE recollect.schema_version SET version_num = '9999'")
    with pytest.raises(NotReady, match="Upgrade Recollect"):
        migrate(parse_url(url))


def test_an_unknown_revision_is_refused(database_url: str) -> None:
    with pytest.raises(InvalidArgument, match="there are base, 0001, 0002, 0003, 0004, 0005, 0006 and head"):
        migrate(parse_url(database_url), "0815")
    with pytest.raises(InvalidArgument, match="there are base, 0001, 0002, 0003, 0004, 0005, 0006 and head"):
        script("0815")


def test_a_missing_database_and_a_server_that_is_not_there_are_explained(newest_only: str) -> None:
    with pytest.raises(NotReady, match="does not exist"):
        migrate(parse_url(on_database(newest_only, "nowhere")))
    with pytest.raises(Unavailable, match="nothing answers there"):
        migrate(parse_url("postgresql://x@127.0.0.1:1/x"), connect_timeout=0.2)


async def test_the_revision_is_read_from_a_bare_connection(
    database_url: str, empty_database_url: str
) -> None:
    for url, revision in ((database_url, HEAD), (empty_database_url, None)):
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            assert await current_revision(connection) == revision
        finally:
            await connection.close()


def test_looking_at_the_revision_loads_neither_alembic_nor_sqlalchemy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE + "print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"


def test_a_migration_waits_for_one_that_is_under_way(newest_only: str) -> None:
    url = owned_by(newest_only, "CREATEROLE")
    show = "done = migrate(parse_url(sys.argv[1])); print(done.before, done.after)"
    holder = subprocess.Popen(
        [find_binaries([]).folder / "psql", "--no-psqlrc", "--quiet", url],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    holder.stdin.write("BEGIN; SELECT pg_advisory_xact_lock(7305531412917203) \\g /dev/null\n")
    holder.stdin.flush()
    locks = "SELECT granted FROM pg_locks WHERE locktype = 'advisory' ORDER BY granted"
    wait_until(lambda: len(query(url, locks)) == 1)
    waiting = subprocess.Popen([sys.executable, "-c", MIGRATE + show, url], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: [row[0] for row in query(url, locks)] == [False, True])
    holder.communicate("COMMIT;\n", timeout=30)
    assert waiting.communicate(timeout=60)[0] == f"None {HEAD}\n"


async def test_a_migration_that_a_deadlock_ended_begins_again(newest_only: str) -> None:
    """A server of the version before takes the tables' locks in the other order."""
    url = await asyncio.to_thread(new_database, newest_only)
    await asyncio.to_thread(migrate, parse_url(url), "0001")
    server = await asyncpg.connect(**parse_url(url).connect_args)
    try:
        await server.execute(
            "BEGIN; SET LOCAL deadlock_timeout = '1min'; LOCK TABLE recollect.message IN ACCESS SHARE MODE"
        )
        migrating = asyncio.create_task(asyncio.to_thread(migrate, parse_url(url)))
        waiting = "SELECT FROM pg_locks WHERE relation = 'recollect.message'::regclass AND NOT granted"
        await asyncio.to_thread(wait_until, lambda: len(query(url, waiting)) > 0)
        # Neither can go on now, until PostgreSQL ends the migration.
        await server.execute("LOCK TABLE recollect.conversation IN ROW EXCLUSIVE MODE; COMMIT")
        assert await migrating == Migrated("0001", HEAD, "recollect")
    finally:
        await server.close()


def url_database(url: str) -> str:
    return str(query(url, "SELECT current_database()")[0][0])


def statements_of(refusal: NotReady) -> list[str]:
    """What an administrator is told to run."""
    return [line for line in str(refusal).splitlines() if line.endswith(";")]


def is_old(server: str) -> bool:
    return query(server, "SHOW server_version_num")[0][0] < "160000"


def psql(server: str, url: str, text: str) -> str:
    """What psql prints for a script."""
    folder = OLDEST if is_old(server) else find_binaries([]).folder
    command = [folder / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_messages_from_before_search_are_found_after_the_upgrade(server: str) -> None:
    url = owned_by(server, "CREATEROLE")
    migrate(parse_url(url), "0002")
    said = {1: "the plain lighthouse", 2: "Café in Zürich", 3: "东京看樱花", 4: "load_context"}
    run_sql(
        on_database(server, url_database(url)),
        "INSERT INTO recollect.conversation (user_id, id, last_seq, head_seq, message_count) "
        "VALUES ('alice', 'talk', 4, 4, 4)",
        *(
            "INSERT INTO recollect.message "
            "(user_id, conversation_id, seq, parent_seq, token_count, role, text) "
            f"VALUES ('alice', 'talk', {seq}, {seq - 1}, 1, 'user', '{text}')"
            for seq, text in said.items()
        ),
    )
    migrate(parse_url(url))

    async def search(words: str) -> list[int]:
        async with Recollect.open(Settings.model_validate({"database_url": url})) as store:
            return [hit.seq for hit in (await store.for_user("alice").search(words)).hits]

    for seq, words in enumerate(("lighthouses", "zurich", "樱花", "loadcontext"), start=1):
        assert asyncio.run(search(words)) == [seq]
