"""Conversations linked to the users of an application that was there before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from recollect.db.link import CONSTRAINTS, UsersLink, link_users, linked_users, unlink_users
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from recollect.models.errors import InvalidArgument, NotReady
from tests.conftest import run_sql
from tests.db import todo_app
from tests.db.conftest import new_database
from tests.db.servers import as_role, query, with_sqlalchemy

T = TypeVar("T")

UUID = "0b0e3c5e-6f1f-4b58-8d2e-3f1f8a0c9a11"


def on(url: str, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def link(url: str, reference: str) -> tuple[UsersLink, bool]:
    return on(url, lambda connection: link_users(connection, reference))


def converse(url: str, user_id: str, id: str = "c") -> None:
    """A conversation with one message, as the run time makes it."""
    user_id = user_id.replace("'", "''")
    run_sql(
        url,
        f"""
        BEGIN; SET LOCAL ROLE recollect_app; SET LOCAL recollect.user_id = '{user_id}';
        INSERT INTO recollect.conversation (user_id, id) VALUES ('{user_id}', '{id}');
        INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text)
        VALUES ('{user_id}', '{id}', 1, 0, 1, 'user', 'hello');
        COMMIT
        """,
    )


def give_token(url: str, user_id: str) -> None:
    """A personal access token, as the run time makes it."""
    run_sql(
        url,
        f"""
        BEGIN; SET LOCAL ROLE recollect_app; SET LOCAL recollect.user_id = '{user_id}';
        INSERT INTO recollect.access_token (user_id, name, hash, scopes, expires_at)
        VALUES ('{user_id}', 'laptop', sha256(''), ARRAY['history:read'], now());
        COMMIT
        """,
    )


def rows_of(superuser: str, table: str) -> list[str]:
    return [row[0] for row in query(superuser, f"SELECT user_id FROM {table} ORDER BY user_id")]


def todo_alembic(url: str, work: Callable[[Config], Any]) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(todo_app.__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        work(config)

    with_sqlalchemy(url, run)


@pytest.fixture
def todo(server: str) -> tuple[str, str, str]:
    """The todo application's database: URLs of a superuser, of the application's role, and of
    the role that migrates Recollect."""
    run_sql(server, "CREATE ROLE todo LOGIN", "CREATE ROLE recollect_owner LOGIN CREATEROLE")
    superuser = new_database(server, "todo")
    app, owner = as_role(superuser, "todo"), as_role(superuser, "recollect_owner")
    todo_alembic(app, lambda config: command.upgrade(config, "head"))
    run_sql(
        app,
        "INSERT INTO users VALUES ('alice', 'a@example.org'), ('bob', 'b@example.org')",
        "INSERT INTO tasks (user_id, title, done) VALUES ('alice', 'water the plants', false), "
        "('bob', 'read', true)",
    )
    run_sql(
        superuser,
        "GRANT CREATE ON DATABASE " + superuser.partition("?")[0].rpartition("/")[2] + " TO recollect_owner",
    )
    migrate(parse_url(owner))
    return superuser, app, owner


def test_the_users_of_a_todo_application(todo: tuple[str, str, str]) -> None:
    superuser, app, owner = todo
    converse(owner, "alice")
    converse(owner, "bob")
    todo_alembic(app, command.check)
    with pytest.raises(
        NotReady, match=r"GRANT REFERENCES \(id\), SELECT \(id\) ON public.users TO recollect_owner;"
    ):
        link(owner, "users.id")
    run_sql(app, "GRANT REFERENCES (id), SELECT (id) ON public.users TO recollect_owner")
    before = public_tables(superuser)

    assert link(owner, "users.id") == (UsersLink("public.users", "id"), True)
    assert link(owner, "public.users.id") == (UsersLink("public.users", "id"), False)
    todo_alembic(app, command.check)
    assert public_tables(superuser) == before

    # The application's role has no right on our schema at all, and needs none.
    assert not query(app, "SELECT has_schema_privilege('recollect', 'USAGE')")[0][0]
    run_sql(app, "DELETE FROM users WHERE id = 'alice'")
    assert rows_of(superuser, "recollect.conversation") == ["bob"]
    assert rows_of(superuser, "recollect.message") == ["bob"]
    assert rows_of(superuser, "tasks") == ["bob", None]
    assert [row["title"] for row in query(superuser, "SELECT title FROM tasks ORDER BY id")] == [
        "water the plants",
        "read",
    ]
    todo_alembic(app, command.check)


def public_tables(url: str) -> list[object]:
    """What the application's schema consists of, its rights included."""
    return [
        tuple(row)
        for row in query(
            url,
            """
            SELECT c.relname, c.relkind, c.relacl::text, c.relrowsecurity, array_agg(
                (a.attname, a.atttypid, a.attnotnull, a.attacl)::text ORDER BY attnum
            ) AS columns, (
                SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY conname)
                FROM pg_constraint AS k WHERE conrelid = c.oid
            ) AS constraints
            FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid
            WHERE relnamespace = 'public'::regnamespace GROUP BY c.oid ORDER BY c.relname
            """,
        )
    ]


@pytest.fixture
def owner(server: str) -> str:
    """A migrated database, as its plain owner."""
    run_sql(server, "CREATE ROLE db_owner LOGIN CREATEROLE")
    url = as_role(new_database(server, "db_owner"), "db_owner")
    migrate(parse_url(url))
    return url


@pytest.mark.parametrize(
    ("type", "known", "unknown"),
    [
        ("text", "alice", "nobody"),
        ("varchar(100)", "alice", "nobody"),
        ("uuid", UUID, "5e5e3c5e-6f1f-4b58-8d2e-3f1f8a0c9a11"),
        ("uuid", UUID, UUID.upper()),  # the same user in another spelling would be a second user_id
        ("uuid", UUID, "local"),
        ("smallint", "7", "8"),
        ("smallint", "-32768", "40000"),
        ("integer", "7", "07"),
        ("integer", "2147483647", "2147483648"),
        ("bigint", "9223372036854775807", "9223372036854775808"),
        ("bigint", "0", "local"),
    ],
)
def test_keys_of_each_type(owner: str, type: str, known: str, unknown: str) -> None:
    run_sql(
        owner, f"CREATE TABLE accounts (key {type} PRIMARY KEY)", f"INSERT INTO accounts VALUES ('{known}')"
    )
    converse(owner, known, "before")
    assert link(owner, "accounts.key") == (UsersLink("public.accounts", "key"), True)
    converse(owner, known, "after")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        converse(owner, unknown)
    assert refusal.value.as_dict()["constraint_name"] in CONSTRAINTS
    give_token(owner, known)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        give_token(owner, unknown)
    assert refusal.value.as_dict()["constraint_name"] in CONSTRAINTS
    run_sql(owner, f"DELETE FROM accounts WHERE key = '{known}'")
    assert counts(owner) == (0, 0)
    assert tokens(owner) == 0


@pytest.mark.parametrize(("type", "user"), [("text", "alice"), ("uuid", UUID), ("integer", "7")])
def test_a_link_that_is_older_than_tokens_holds_for_them_too(server: str, type: str, user: str) -> None:
    run_sql(server, "CREATE ROLE old_owner LOGIN CREATEROLE")
    owner = as_role(new_database(server, "old_owner"), "old_owner")
    migrate(parse_url(owner), "0002")
    run_sql(
        owner, f"CREATE TABLE accounts (key {type} PRIMARY KEY)", f"INSERT INTO accounts VALUES ('{user}')"
    )
    for statement in OLD_LINK[type]:
        run_sql(owner, statement)
    migrate(parse_url(owner))
    give_token(owner, user)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        give_token(owner, "5e5e3c5e-6f1f-4b58-8d2e-3f1f8a0c9a11")
    assert link(owner, "accounts.key")[1] is False
    run_sql(owner, f"DELETE FROM accounts WHERE key = '{user}'")
    assert tokens(owner) == 0
    assert on(owner, unlink_users)
    give_token(owner, "anybody")
    migrate(parse_url(owner), "0002")


_COMPUTED_LINK = (
    "ALTER TABLE recollect.conversation ADD linked_user_id {type} GENERATED ALWAYS AS ({expression}) STORED, "
    "ADD CONSTRAINT conversation_users_check CHECK (linked_user_id IS NOT NULL), "
    "ADD CONSTRAINT conversation_users_fkey FOREIGN KEY (linked_user_id) REFERENCES accounts (key) "
    "ON DELETE CASCADE",
)
OLD_LINK = {
    "text": (
        "ALTER TABLE recollect.conversation ADD CONSTRAINT conversation_users_fkey FOREIGN KEY (user_id) "
        "REFERENCES accounts (key) ON DELETE CASCADE",
    ),
    "uuid": tuple(
        text.format(type="uuid", expression="CASE WHEN user_id ~ '^[0-9a-f-]{36}$' THEN user_id::uuid END")
        for text in _COMPUTED_LINK
    ),
    "integer": tuple(
        text.format(type="integer", expression="CASE WHEN user_id ~ '^[0-9]{1,9}$' THEN user_id::integer END")
        for text in _COMPUTED_LINK
    ),
}
"""How version 0002 linked conversations."""


def tokens(owner: str) -> int:
    """How many tokens there really are."""
    run_sql(owner, "ALTER TABLE recollect.access_token NO FORCE ROW LEVEL SECURITY")
    count = query(owner, "SELECT count(*) FROM recollect.access_token")[0][0]
    run_sql(owner, "ALTER TABLE recollect.access_token FORCE ROW LEVEL SECURITY")
    return count


def test_tokens_without_a_user_are_named_and_nothing_is_changed(owner: str) -> None:
    run_sql(owner, "CREATE TABLE users (id text PRIMARY KEY)")
    give_token(owner, "nobody")
    with pytest.raises(NotReady, match=r"access tokens whose user is not in public\.users"):
        link(owner, "users.id")
    assert on(owner, linked_users) is None
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'recollect.access_token'::regclass"
    assert query(owner, forced)[0][0]


def counts(owner: str) -> tuple[int, int]:
    """How many conversations and messages there really are."""
    run_sql(
        owner,
        *[
            f"ALTER TABLE recollect.{table} NO FORCE ROW LEVEL SECURITY"
            for table in ("conversation", "message")
        ],
    )
    row = query(
        owner,
        "SELECT (SELECT count(*) FROM recollect.conversation), (SELECT count(*) FROM recollect.message)",
    )
    return row[0][0], row[0][1]


@pytest.mark.parametrize("type", ["text", "integer"])
def test_conversations_without_a_user_are_named_and_nothing_is_changed(owner: str, type: str) -> None:
    run_sql(owner, f"CREATE TABLE users (id {type} PRIMARY KEY)", "INSERT INTO users VALUES ('1')")
    for user in ("1", "local", "o'neil"):
        converse(owner, user, "one")
        converse(owner, user, "two")
    with pytest.raises(NotReady) as refusal:
        link(owner, "users.id")
    assert str(refusal.value).startswith(
        "4 conversations belong to 2 user ids that are not in public.users.id: 'local', 'o''neil'."
    )
    assert on(owner, linked_users) is None
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'recollect.conversation'::regclass"
    assert query(owner, forced)[0][0]
    converse(owner, "still possible")


def test_row_security_stays_forced(owner: str) -> None:
    run_sql(owner, "CREATE TABLE users (id text PRIMARY KEY)")
    link(owner, "users.id")
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'recollect.conversation'::regclass"
    assert query(owner, forced)[0][0]


@pytest.mark.parametrize("type", ["text", "uuid"])
def test_unlinking_restores_what_was_there(owner: str, type: str) -> None:
    run_sql(owner, f"CREATE TABLE users (id {type} PRIMARY KEY)", f"INSERT INTO users VALUES ('{UUID}')")
    shape = """
        SELECT array_agg(attname::text) FILTER (WHERE NOT attisdropped) FROM pg_attribute
        WHERE attrelid = 'recollect.conversation'::regclass AND attnum > 0
    """
    before = query(owner, shape)[0][0]
    link(owner, "users.id")
    converse(owner, UUID)
    assert on(owner, unlink_users)
    assert not on(owner, unlink_users)
    assert query(owner, shape)[0][0] == before
    run_sql(owner, "DELETE FROM users")
    converse(owner, "anybody")
    assert counts(owner) == (2, 2)


def test_names_are_read_as_sql_reads_them(owner: str) -> None:
    run_sql(owner, 'CREATE SCHEMA "My Auth"', 'CREATE TABLE "My Auth"."user" ("Id" text PRIMARY KEY)')
    assert link(owner, '"My Auth".user."Id"')[0] == UsersLink('"My Auth"."user"', '"Id"')
    assert link(owner, ' "My Auth" . USER . "Id" ')[1] is False


def test_another_link_needs_unlinking_first(owner: str) -> None:
    run_sql(owner, "CREATE TABLE users (id text PRIMARY KEY)", "CREATE TABLE people (id text PRIMARY KEY)")
    link(owner, "users.id")
    with pytest.raises(NotReady, match=r"linked to public\.users\.id already.*--unlink-users"):
        link(owner, "people.id")


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("users", "must be TABLE.COLUMN"),
        ("a.b.c.d", "must be TABLE.COLUMN"),
        ('users."id', "must be TABLE.COLUMN"),
        ("users.id; drop table users", "must be TABLE.COLUMN"),
        ("nowhere.id", 'there is no table "nowhere"$'),
        ("User.id", 'there is no table "user" .names with capitals need quotes'),
        ("nowhere.users.id", "there is no table"),
        ("users.nothing", "public.users has no column nothing"),
        ("users.email", "has to be the primary key or UNIQUE by itself"),
        ("users.born", "is of type date"),
        ("everybody.id", "there is no table"),
        ("recollect.message.text", "must name a table of your application"),
    ],
)
def test_a_reference_that_does_not_do_is_explained(owner: str, reference: str, problem: str) -> None:
    run_sql(
        owner,
        "CREATE TABLE users (id text PRIMARY KEY, email text, born date UNIQUE, UNIQUE (id, email))",
        "CREATE VIEW everybody AS SELECT * FROM users",
    )
    with pytest.raises(InvalidArgument, match=problem):
        link(owner, reference)
