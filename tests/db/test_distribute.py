"""Where the extension Citus is, `recollect migrate` distributes everything by user. Citus itself is not
needed for these: a stand-in keeps what it is told, and refuses what Citus refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recollect.db import schema, sql
from recollect.db.migrate import migrate
from recollect.db.sql import FUNCTIONS, RETAINED, load
from recollect.db.target import parse_url
from recollect.models.errors import NotReady
from tests.conftest import run_sql
from tests.db.catalog import facts
from tests.db.conftest import new_database
from tests.db.servers import as_role, query

STAND_IN = Path(__file__).with_name("stand_in_for_citus.sql").read_text(encoding="utf-8")


def with_citus(server: str) -> str:
    url = new_database(server)
    run_sql(url, STAND_IN)
    return url


def distributed(url: str) -> dict[str, tuple[str, str]]:
    return {
        row[0].removeprefix("recollect."): (row[1], row[2])
        for row in query(url, "SELECT logicalrelid::text, key, colocated FROM pg_dist_partition")
    }


def test_every_table_and_every_function_is_distributed_by_user(newest_only: str) -> None:
    url = with_citus(newest_only)
    assert migrate(parse_url(url)).distributed
    assert distributed(url) == {
        "conversation": ("user_id", "none"),
        **{
            table: ("user_id", "recollect.conversation") for table in schema.TABLES if table != "conversation"
        },
    }
    functions = query(
        url, "SELECT objid::regproc::text AS name, argument, colocated FROM pg_dist_object ORDER BY 1"
    )
    of_user = ("p_user", "recollect.conversation")
    assert {
        row["name"].removeprefix("recollect."): (row["argument"], row["colocated"]) for row in functions
    } == {
        name: (None, None) if name in schema.SEARCH_FUNCTIONS else of_user for name in (*FUNCTIONS, *RETAINED)
    }


def test_nothing_else_differs_from_a_database_without_citus(newest_only: str) -> None:
    plain, spread = new_database(newest_only), with_citus(newest_only)
    migrate(parse_url(plain))
    before = facts(plain, "recollect_owner")
    migrate(parse_url(spread))
    after = facts(spread, "recollect_owner")
    assert {fact.partition(":")[0] for fact in before ^ after} == {
        *(f"policy own_rows on {table}" for table in schema.TABLES),
        "function search_keys_v2",
        "function search_v2",
        "role recollect_app",
    }
    assert [row[0] for row in query(spread, "SELECT rolname FROM pg_roles WHERE rolcanlogin")] == [
        "recollect",
        "recollect_app",
    ]
    settings = query(
        spread, "SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase"
    )
    assert [row[0] for row in settings] == [["citus.propagate_set_commands=local"]]


def test_a_database_that_gets_citus_later_keeps_what_it_holds_and_is_distributed_once(
    newest_only: str,
) -> None:
    url = new_database(newest_only)
    assert not migrate(parse_url(url)).distributed
    run_sql(
        url,
        "INSERT INTO recollect.conversation (user_id, id) VALUES ('alice', 'c')",
        "INSERT INTO recollect.message (user_id, conversation_id, seq, parent_seq, token_count, role, text) "
        "VALUES ('alice', 'c', 1, 0, 1, 'user', 'hi')",
        STAND_IN,
    )
    for _ in range(2):  # what is distributed twice breaks a key of the stand-in's
        assert migrate(parse_url(url)).distributed
    assert set(distributed(url)) == set(schema.TABLES)
    run_sql(url, "DELETE FROM recollect.conversation")
    assert query(url, "SELECT FROM recollect.message") == []


def test_a_link_to_users_on_one_node_is_refused_and_to_a_reference_table_kept(newest_only: str) -> None:
    url = new_database(newest_only)
    migrate(parse_url(url))
    run_sql(
        url,
        'CREATE TABLE public.users (id text COLLATE "C" PRIMARY KEY)',
        "ALTER TABLE recollect.conversation ADD CONSTRAINT conversation_users_fkey FOREIGN KEY (user_id) "
        "REFERENCES public.users (id) ON DELETE CASCADE",
        STAND_IN,
    )
    with pytest.raises(NotReady, match=r"create_reference_table\('public.users'\)"):
        migrate(parse_url(url))
    assert distributed(url) == {}
    run_sql(url, "SELECT create_reference_table('public.users')")
    assert migrate(parse_url(url)).distributed
    assert set(distributed(url)) == {*schema.TABLES, "users"}


def test_only_a_superuser_can_distribute(newest_only: str) -> None:
    run_sql(newest_only, "CREATE ROLE plain_owner LOGIN CREATEROLE")
    url = new_database(newest_only, "plain_owner")
    run_sql(url, STAND_IN)
    with pytest.raises(NotReady, match="migrate as one"):
        migrate(parse_url(as_role(url, "plain_owner")))
    assert query(url, "SELECT to_regnamespace('recollect')")[0][0] is None


# What a real Citus refused, as rules for the text of statements.

TABLE = re.compile(rf"\brecollect\.(?:{'|'.join(schema.TABLES)})\b")
FILES = sorted(path.stem for path in Path(sql.__file__).parent.glob("*.sql"))


def statements(file: str) -> list[str]:
    text = re.sub(r"--.*", "", load(file))
    return [" ".join(part.split()) for part in re.split(r";|\bLOOP\b", text)]


def refused(statement: str, *, on_node: bool = False) -> str | None:
    """Why Citus would refuse a statement. on_node: it is in a function, which runs where the rows are."""
    if TABLE.search(statement) and re.search(r"(?:FROM|JOIN) recollect\.\w+_v\d+\(", statement):
        return "a function may not read distributed tables within a statement that does"
    within = r"(?:\bCASE\b(?:(?!\bEND\b).)*|\bcoalesce\([^()]*)"
    if re.search(rf"\bUPDATE\b.*{within}\bnow\(\)", statement):
        return "now() may not stand in CASE or COALESCE of an UPDATE"
    copied = re.search(r"INSERT INTO recollect\.\w+ \(\s*user_id.*\) SELECT (\S+),", statement)
    if copied and not on_node and not re.fullmatch(r"\w\.user_id", copied[1]):
        return "the user of rows that are inserted by SELECT comes from a table, which says the node"
    return None


def test_every_function_names_its_user_first_so_that_its_calls_can_be_handed_to_a_node() -> None:
    others = {
        name
        for name in (*FUNCTIONS, *RETAINED)
        if not re.search(rf"CREATE FUNCTION recollect\.{name}\(\s*p_user text,", load(name))
    }
    assert others == set(schema.SEARCH_FUNCTIONS)


@pytest.mark.parametrize("file", FILES)
def test_no_statement_is_one_that_citus_refuses(file: str) -> None:
    on_node = file in (*FUNCTIONS, *RETAINED)
    assert [why for statement in statements(file) if (why := refused(statement, on_node=on_node))] == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT FROM recollect.message AS m JOIN recollect.path_v1($1, $2, 3) ON true", "a function"),
        ("UPDATE recollect.conversation SET deleted_at = CASE WHEN $3 THEN now() END", "now()"),
        ("UPDATE recollect.conversation SET deleted_at = coalesce(deleted_at, now())", "now()"),
        ("INSERT INTO recollect.message (user_id, seq) SELECT $1, n FROM unnest($2) AS n", "the user"),
    ],
)
def test_the_rules_notice_what_a_real_citus_refused(statement: str, why: str) -> None:
    assert str(refused(statement)).startswith(why)
