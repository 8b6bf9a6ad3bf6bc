"""The schema that migrations make is the declared one: the models', and that of recollect.db.schema."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from recollect.db import schema, sql
from recollect.db.migrate import migrate
from recollect.db.sql import FUNCTIONS, RETAINED, load
from recollect.db.target import parse_url
from recollect.models import tables
from tests.conftest import run_sql
from tests.db.catalog import facts
from tests.db.conftest import cleaned, new_database
from tests.db.servers import as_role, query, with_sqlalchemy


def migrated_by_plain_owner(server: str) -> str:
    run_sql(server, "CREATE ROLE plain_owner LOGIN CREATEROLE")
    url = as_role(new_database(server, "plain_owner"), "plain_owner")
    migrate(parse_url(url))
    return url


def declared(server: str) -> str:
    """A database that no migration has touched: models, and what recollect.db.schema declares."""
    run_sql(server, "CREATE ROLE declaring_owner LOGIN SUPERUSER")
    url = as_role(new_database(server), "declaring_owner")
    run_sql(url, "CREATE SCHEMA recollect")
    with_sqlalchemy(url, tables.metadata.create_all)
    run_sql(url, *schema.statements("declaring_owner"))
    return url


def test_the_migrated_schema_is_the_declared_one(server: str) -> None:
    migrated = facts(migrated_by_plain_owner(server), "plain_owner")
    expected = facts(declared(server), "declaring_owner")
    assert migrated - expected == set()
    assert expected - migrated == set()
    assert len(expected) > 100


def test_autogenerate_finds_nothing_to_do(server: str) -> None:
    def only_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "schema" or name == "recollect"

    def comparable(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        # Alembic compares an expression's text with what PostgreSQL makes of it. The test above
        # compares this index as PostgreSQL shows it.
        return (kind, name) != ("index", "message_search_idx")

    def compare(connection: Connection) -> Any:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": only_ours,
                "include_object": comparable,
                "version_table": "schema_version",
                "version_table_schema": "recollect",
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        return compare_metadata(context, tables.metadata)

    assert with_sqlalchemy(migrated_by_plain_owner(server), compare) == []


@pytest.fixture(scope="module")
def compared(newest: str) -> Generator[tuple[str, set[str]]]:
    """A migrated database that each test leaves as it was, and what it looks like."""
    with cleaned(newest):
        url = migrated_by_plain_owner(newest)
        superuser = as_role(url, "recollect")
        yield superuser, facts(superuser, "plain_owner")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP POLICY own_rows ON recollect.message", "policy own_rows on message"),
        ("DROP POLICY search_rows ON recollect.conversation", "policy search_rows on conversation"),
        ("ALTER POLICY own_rows ON recollect.summary WITH CHECK (true)", "policy own_rows on summary"),
        ("ALTER POLICY own_rows ON recollect.summary TO PUBLIC", "policy own_rows on summary"),
        ("ALTER TABLE recollect.message NO FORCE ROW LEVEL SECURITY", "row security of message"),
        ("ALTER TABLE recollect.summary DISABLE ROW LEVEL SECURITY", "row security of summary"),
        ("ALTER TABLE recollect.message ALTER author SET NOT NULL", "column message.author"),
        ("ALTER TABLE recollect.message ALTER author TYPE varchar(10)", "column message.author"),
        ('ALTER TABLE recollect.message ALTER key TYPE text COLLATE "POSIX"', "column message.key"),
        ("ALTER TABLE recollect.conversation ALTER pinned SET DEFAULT true", "column conversation.pinned"),
        ("ALTER TABLE recollect.summary ADD extra integer", "column summary.extra"),
        ("ALTER TABLE recollect.message DROP CONSTRAINT message_seq_check", "constraint message_seq_check"),
        (
            "ALTER TABLE recollect.message DROP CONSTRAINT message_conversation_fkey",
            "constraint message_conversation_fkey",
        ),
        ("DROP INDEX recollect.conversation_recent_idx", "index recollect.conversation_recent_idx"),
        ("GRANT UPDATE ON recollect.message TO recollect_app", "right of recollect_app on table message"),
        ("GRANT SELECT (text) ON recollect.message TO PUBLIC", "right of PUBLIC on column message.text"),
        ("REVOKE DELETE ON recollect.summary FROM recollect_app", "right of recollect_app on table summary"),
        ("GRANT CREATE ON SCHEMA recollect TO recollect_app", "right of recollect_app on schema"),
        (
            "GRANT EXECUTE ON FUNCTION recollect.window_v1 TO PUBLIC",
            "right of PUBLIC on function window_v1",
        ),
        ("ALTER FUNCTION recollect.append_v1 OWNER TO recollect", "function append_v1"),
        ("ALTER FUNCTION recollect.append_v1 SECURITY INVOKER", "function append_v1"),
        ("ALTER FUNCTION recollect.append_v1 SET search_path = public", "function append_v1"),
        ("ALTER TABLE recollect.message OWNER TO recollect", "relation message"),
        ("ALTER SCHEMA recollect OWNER TO recollect", "owner of schema"),
        ("CREATE SEQUENCE recollect.counter", "relation counter"),
        ("CREATE TYPE recollect.mood AS ENUM ('glad')", "contents of schema"),
        ("ALTER ROLE recollect_search BYPASSRLS", "role recollect_search"),
        ("GRANT pg_read_all_data TO recollect_app", "membership of recollect_app"),
        (
            "CREATE RULE silent AS ON DELETE TO recollect.summary DO INSTEAD NOTHING",
            "rule silent",
        ),
    ],
)
def test_every_kind_of_difference_is_noticed_and_named(
    compared: tuple[str, set[str]], change: str, named: str
) -> None:
    url, before = compared
    after = facts(url, "plain_owner", given=change)
    assert any(fact.startswith(named) for fact in before ^ after)
    assert facts(url, "plain_owner") == before


# What Citus needs of a schema that is distributed by user, and what keeps one user's rows apart.


def test_every_unique_index_contains_the_user(database_url: str) -> None:
    rows = query(
        database_url,
        """
        SELECT (SELECT relname::text FROM pg_class WHERE oid = indexrelid) AS name, ARRAY(
            SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey)
        ) AS columns
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        WHERE relnamespace = 'recollect'::regnamespace AND indisunique AND relname <> 'schema_version'
        """,
    )
    assert {row["name"] for row in rows} >= {f"{table}_pkey" for table in schema.TABLES}
    assert [row["name"] for row in rows if "user_id" not in row["columns"]] == []


def test_foreign_keys_stay_within_the_user(database_url: str) -> None:
    rows = query(
        database_url,
        """
        SELECT confrelid = 'recollect.conversation'::regclass AS ours, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint WHERE connamespace = 'recollect'::regnamespace AND contype = 'f'
        """,
    )
    assert len(rows) == 3
    for row in rows:
        assert row["ours"]
        assert re.match(r"FOREIGN KEY \(user_id, .*\) REFERENCES \S+\(user_id, ", row["definition"])


def test_there_are_no_triggers_sequences_or_views(database_url: str) -> None:
    triggers = "SELECT FROM pg_trigger WHERE NOT tgisinternal"
    others = (
        "SELECT FROM pg_class WHERE relnamespace = 'recollect'::regnamespace AND relkind NOT IN ('r', 'i')"
    )
    assert query(database_url, triggers) == []
    assert query(database_url, others) == []


def test_every_table_is_declared_and_forces_row_security(database_url: str) -> None:
    rows = query(
        database_url,
        """
        SELECT relname::text, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class
        WHERE relnamespace = 'recollect'::regnamespace AND relkind IN ('r', 'p')
        """,
    )
    assert {row["relname"]: row["forced"] for row in rows} == {
        **dict.fromkeys(schema.TABLES, True),
        "schema_version": False,
    }
    assert {f"recollect.{table}" for table in schema.TABLES} == set(tables.metadata.tables)


def test_functions_run_as_the_least_privileged_role_with_a_fixed_path(database_url: str) -> None:
    rows = query(
        database_url,
        """
        SELECT proname::text AS name, prosecdef, pg_get_userbyid(proowner)::text AS owner, proconfig
        FROM pg_proc WHERE pronamespace = 'recollect'::regnamespace
        """,
    )
    assert {row["name"] for row in rows} == {*FUNCTIONS, *RETAINED}
    for row in rows:
        assert row["prosecdef"]
        assert row["owner"] in schema.ROLES
        assert row["proconfig"][0] == "search_path=pg_catalog, pg_temp"


@pytest.mark.parametrize("file", sorted(path.stem for path in Path(sql.__file__).parent.glob("*.sql")))
def test_statements_use_nothing_that_a_distributed_table_refuses(file: str) -> None:
    text = re.sub(r"--.*", "", load(file)).lower()
    updates = re.findall(r"\bon conflict\b[^;]*\bdo update\b[^;]*", text)
    assert not [update for update in updates if "now()" in update]
    volatile = ("clock_timestamp", "gen_random_uuid", "random(", "nextval", "uuidv7")
    if re.search(r"\b(insert|update|delete)\b", text):
        assert not [name for name in volatile if name in text]
    assert not re.search(r"\bwith\b[^;]*\b(insert|update|delete)\b[^;]*\breturning\b[^;]*\binsert\b", text)
